"""The exercises, declared: one file a chapter, the one place that an author edits."""
