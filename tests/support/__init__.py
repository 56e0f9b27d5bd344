"""What tests of several folders use: `from support.files import names`."""
