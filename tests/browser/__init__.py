"""A package, so that its one running product ends with its last test, and not with the whole run."""
