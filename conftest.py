pytest_plugins = ["relevance.plugin"]
