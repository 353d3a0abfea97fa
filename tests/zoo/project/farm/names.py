__all__ = ["VISIBLE", "_hidden"]
VISIBLE = "seen"
_hidden = "named in __all__"
other = "not named"
