"""A record in the words of others: a citation, RO-Crate, PROV, STAC, DataCite; from record and files."""
