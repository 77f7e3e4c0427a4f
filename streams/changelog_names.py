"""The names of the changelog topics, for what does not run a worker itself."""


def changelog_names(app_id: str) -> list[str]:
    """The changelog topics that a worker of this app id needs: compacted, co-partitioned with the events."""
    return [f"{app_id}-{table}-changelog" for table in ("orders", "vehicles", "hours")]
