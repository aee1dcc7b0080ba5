"""Long studies as scripts that resume; their results are kept in `docs/studies`. Unit tests run a short form."""
