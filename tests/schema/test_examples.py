"""The examples of the document of the API fit their schemas; how a real server answers is for run.py."""

import pathlib
import sys
import unittest

import jsonschema_rs

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))

from doorward import Doorward  # noqa: E402


def with_examples(part):
    """Each schema of the document that has examples beside it, with them."""
    if isinstance(part, dict):
        if "schema" in part:
            examples = [part["example"]] if "example" in part else []
            examples += [one["value"] for one in part.get("examples", {}).values()]
            yield from ((part["schema"], example) for example in examples)
        for inner in part.values():
            yield from with_examples(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from with_examples(inner)


class Examples(unittest.TestCase):
    def test_every_example_fits_its_schema(self):
        for registration in ["open", "invite"]:
            with Doorward(DOORWARD_REGISTRATION=registration) as server:
                status, document = server.ask("GET", "/openapi.json")
            self.assertEqual(status, 200)
            tried = 0
            for schema, example in with_examples(document):
                # The parts that it refers to come with it.
                validator = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]}, validate_formats=True)
                faults = [error.message for error in validator.iter_errors(example)]
                self.assertEqual(faults, [], example)
                tried += 1
            self.assertGreater(tried, 80)


if __name__ == "__main__":
    unittest.main()
