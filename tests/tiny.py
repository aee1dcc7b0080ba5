"""A randomly initialised BERT of two layers and 32 dimensions, as a sentence-transformers folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def make_tiny_model(folder: Path, words: Iterable[str], *, seed: int = 0) -> Path:
    """Write the model; its vocabulary are whole words."""
    import torch  # noqa: PLC0415 - seconds, and only where a model is made
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer  # noqa: PLC0415
    from transformers import BertConfig, BertModel, BertTokenizer  # noqa: PLC0415

    source = folder.with_name(f"{folder.name}-source")
    source.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(words))]
    (source / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(source)
    BertTokenizer(str(source / "vocab.txt"), model_max_length=64).save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=64)
    model = SentenceTransformer(modules=[transformer, Pooling(transformer.get_embedding_dimension())], device="cpu")
    model.save_pretrained(str(folder), create_model_card=False)
    return folder
