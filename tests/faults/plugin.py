"""A plugin of sessions under test: small batches, how long they wait, whose containers theirs are, quick ones.

A few hundred products are as many batches as thousands are for a user.

FAULTS_PATIENCE: seconds in the place of the 60 for which errors that may pass are waited for.
FAULTS_FAMILY: what the label of containers says, so that tests which run meanwhile neither see nor remove them.
"""

import os

from relevance.engines.elasticsearch import client, engine, index

for module, name, value in (
    (client, "PATIENCE_S", float(os.environ.get("FAULTS_PATIENCE", client.PATIENCE_S))),
    (index, "DOCUMENTS_A_REQUEST", 100),
    (engine, "SEARCHES_A_REQUEST", 40),
):
    assert hasattr(module, name), name
    setattr(module, name, value)

if "FAULTS_FAMILY" in os.environ:
    from faults.containers import DockerContainer, quick_start
    from relevance.engines.elasticsearch import container

    container.FAMILY = os.environ["FAULTS_FAMILY"]
    DockerContainer.start = quick_start
