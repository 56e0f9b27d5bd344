"""From scratch to results: files get their final names, whole or not at all.

A run works in a hidden scratch folder beside its destination, so that a rename is all it takes to deliver.
The holder of the lock beside that folder may change the folder, and its pair of output and record; a lock
ends with its process, however that ends. This package does not judge a result; it moves files and reports
what it moved. A pair takes more than one rename, so it is journalled:

1. `begin` writes a journal into the scratch folder, then puts a record with status ``replacing`` at the
   record's place, then moves the old files into the scratch folder;
2. `promote` moves the new files to their final names;
3. the caller writes the new record over the ``replacing`` record: now the new pair stands;
4. leaving `claim` removes the scratch folder.

A run that is killed before step 3 leaves what the next run to this output needs to bring back what was there
before. A record alone lets no file move, and a scratch folder is removed only if it is this user's own:
both are proved with a key that only this user has (`dissmodel.materialize.key`). Files from a folder, an
archive or a git repository have no such proof, nor has a copy, so they stay in place.
"""

from dissmodel.materialize.interrupted import interruption
from dissmodel.materialize.names import PREFIX, pair_path
from dissmodel.materialize.replace import Promotion, abandon, begin, promote, recover, reserved, stands
from dissmodel.materialize.scratch import claim, discard, gather, make, settle, undisturbed, work

__all__ = [
    "PREFIX",
    "Promotion",
    "abandon",
    "begin",
    "claim",
    "discard",
    "gather",
    "interruption",
    "make",
    "pair_path",
    "promote",
    "recover",
    "reserved",
    "settle",
    "stands",
    "undisturbed",
    "work",
]
