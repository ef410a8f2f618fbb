"""Write triad_trainer/contract.py (pydantic models) from contracts/*.schema.json.

Run `python trainer/generate_contract.py`; the same schemas always give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datamodel_code_generator import DataModelType, InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import StrictTypes
from datamodel_code_generator.format import Formatter

CONTRACTS = Path(__file__).parent.parent / "contracts"
OUTPUT = Path(__file__).parent / "triad_trainer" / "contract.py"
HEADER = '"""Generated from contracts/*.schema.json by trainer/generate_contract.py; do not edit."""'


def bundle(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Join schemas that refer to each other by file name into one schema, JobSpec with the others as `$defs`.

    Each `oneOf` of the contracts tells its alternatives apart by their constant `type`.
    """
    titles = {name: schema["title"] for name, schema in schemas.items()}

    def rewrite(node: Any) -> Any:
        if isinstance(node, list):
            return [rewrite(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            file, _, pointer = node["$ref"].partition("#/$defs/")
            return {"$ref": f"#/$defs/{pointer or titles[file]}"}
        plain = {key: rewrite(value) for key, value in node.items() if key not in ("$id", "$schema", "$defs")}
        return {**plain, "discriminator": {"propertyName": "type"}} if "oneOf" in node else plain

    definitions: dict[str, Any] = {}
    for schema in schemas.values():
        for title, definition in {**schema.get("$defs", {}), schema["title"]: schema}.items():
            if title in definitions:
                raise ValueError(f"two schemas define {title}")
            definitions[title] = rewrite(definition)
    return {**definitions.pop("JobSpec"), "$defs": definitions}


def main() -> None:
    """Generate the models and check that they import."""
    schemas = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(CONTRACTS.glob("*.schema.json"))}
    generate(
        json.dumps(bundle(schemas)),
        input_file_type=InputFileType.JsonSchema,
        output=OUTPUT,
        output_model_type=DataModelType.PydanticV2BaseModel,
        target_python_version=PythonVersion.PY_311,
        custom_file_header=HEADER,
        disable_timestamp=True,
        field_constraints=True,
        use_annotated=True,
        use_double_quotes=True,
        use_schema_description=True,
        use_field_description=True,
        use_union_operator=True,
        use_standard_collections=True,
        use_title_as_name=True,
        enum_field_as_literal="all",
        strict_nullable=True,
        strict_types=[StrictTypes.int, StrictTypes.float, StrictTypes.str, StrictTypes.bool],
        formatters=[Formatter.RUFF_FORMAT, Formatter.RUFF_CHECK],
    )


if __name__ == "__main__":
    main()
