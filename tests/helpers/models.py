"""Randomly initialised models that load in no time, as sentence-transformers folders."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any


def make_tiny_model(  # noqa: PLR0913 - the sizes of a model
    folder: Path,
    words: Iterable[str],
    *,
    layers: int = 2,
    width: int = 32,
    tokens: int = 64,
    pooling: str = "mean",
    spread: float = 0.02,
    **options: Any,
) -> Path:
    """Write a BERT of these words (`##x` continues a word), and beside it, as FOLDER-source, the encoder alone.

    With a small `spread` of the weights all vectors are nearly one; `options` are those of SentenceTransformer.
    """
    import torch  # noqa: PLC0415 - seconds, and only where a model is made
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer  # noqa: PLC0415
    from transformers import BertConfig, BertModel, BertTokenizer  # noqa: PLC0415

    source = folder.with_name(f"{folder.name}-source")
    source.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(words))]
    (source / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
        initializer_range=spread,
    )
    BertModel(config).save_pretrained(source)
    BertTokenizer(str(source / "vocab.txt"), model_max_length=64).save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=tokens)
    pooled = Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling)
    model = SentenceTransformer(modules=[transformer, pooled], device="cpu", **options)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def make_static_model(folder: Path, words: Iterable[str], *, width: int = 16, **options: Any) -> Path:
    """Write static embeddings of these words; `options` are those of SentenceTransformer."""
    import torch  # noqa: PLC0415 - seconds, and only where a model is made
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding  # noqa: PLC0415
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415

    vocabulary = {word: number for number, word in enumerate(["[UNK]", *sorted(set(words))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a token of text
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=width)], device="cpu", **options)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
