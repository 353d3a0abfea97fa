"""What every wire model stands on: the base classes, constrained types and JSON in and out."""

import enum
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
"""The id a client gives a new pool, job, task or schedule."""

DisplayName = Annotated[str, Meta(max_length=1024)]

Time = Annotated[
    str,
    Meta(pattern=r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?\Z"),
]
"""A moment as a client sends it (RFC 3339)."""

Duration = Annotated[
    str,
    Meta(
        pattern=r"^P(?=.)(\d{1,9}Y)?(\d{1,9}M)?(\d{1,9}D)?(T(?=\d)(\d{1,9}H)?(\d{1,9}M)?(\d{1,12}(\.\d{1,9})?S)?)?\Z"
    ),
]
"""A time span (ISO 8601)."""

RetryCount = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
"""How often to try again; -1 is without end."""

Slots = Annotated[int, Meta(ge=1, le=256)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]

Maybe: TypeAlias = T | msgspec.UnsetType | None
"""A field of a patch: absent (UNSET), null (None) or given."""


class Word(str, enum.Enum):
    """A value out of a fixed set. Clients may write it in any case, as with the real service."""

    @classmethod
    def _missing_(cls, value: object) -> "Word | None":
        folded = str(value).lower()
        return next((word for word in cls if word.value.lower() == folded), None)

    def __str__(self) -> str:
        return str(self.value)


# Models are trees: no cycle can form, so the garbage collector need not visit them.


class Model(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """What the service answers with; fields that are None are left out."""


class Body(Model, forbid_unknown_fields=True):
    """What a client sends; a property that Azure does not know is refused."""


class Replacement(Body):
    """What a client got from the service and puts back, with the note of what it is."""

    odata_metadata: str | None = msgspec.field(name="odata.metadata", default=None)


class Value(
    msgspec.Struct, rename="camel", omit_defaults=True, gc=False, frozen=True, forbid_unknown_fields=True
):
    """A part of a model. Frozen, so that models may share it; `msgspec.structs.replace` alters it."""


def fields(model: Model) -> dict[str, Any]:
    """A model's values by Python name, to make another model of."""
    return {name: getattr(model, name) for name in model.__struct_fields__}


def given(patch: Body) -> dict[str, Any]:
    """The fields of a patch that the client gave, null or not, by Python name."""
    return {name: value for name, value in fields(patch).items() if value is not msgspec.UNSET}


_encoder = msgspec.json.Encoder()
_decoders: dict[object, msgspec.json.Decoder[object]] = {}


def encode(model: object) -> bytes:
    """The JSON of a model, or of lists and dicts of them."""
    return _encoder.encode(model)


def decode(kind: type[T], data: bytes | str) -> T:
    """Read JSON as `kind`; raises msgspec.ValidationError with the path, or msgspec.DecodeError.

    Numbers and booleans may be written as strings, as the az command line does.
    """
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind, strict=False)
    return decoder.decode(data)  # type: ignore[return-value]
