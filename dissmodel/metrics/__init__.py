"""How good a map is, against observation.

Maps of classes are compared through `transition_matrix`, `change_agreement`, `multiresolution_fit` and
`fuzzy_agreement`, numbers and shares through `difference`; `ClassTally` takes maps that are larger than
memory. What a function returns for two blocks of cells can be added with
``+`` and is then that of both together, to the bit. A measure that is not defined, such as a kappa of maps
with one class, is None.
"""

from __future__ import annotations

from dissmodel.metrics.change import ChangeAgreement, change_agreement
from dissmodel.metrics.differences import Difference, difference, match_percent
from dissmodel.metrics.fuzzy import FuzzyAgreement, fuzzy_agreement
from dissmodel.metrics.maps import (
    ClassMeasures,
    ClassTally,
    ShareMeasures,
    compare_classes,
    compare_shares,
)
from dissmodel.metrics.matrix import (
    ClassDisagreement,
    Disagreement,
    TransitionMatrix,
    class_areas,
    disagreement,
    kappa,
    transition_matrix,
)
from dissmodel.metrics.resolution import ResolutionFit, multiresolution_fit

__all__ = [
    "ChangeAgreement",
    "ClassDisagreement",
    "ClassMeasures",
    "ClassTally",
    "Difference",
    "Disagreement",
    "FuzzyAgreement",
    "ResolutionFit",
    "ShareMeasures",
    "TransitionMatrix",
    "change_agreement",
    "class_areas",
    "compare_classes",
    "compare_shares",
    "difference",
    "disagreement",
    "fuzzy_agreement",
    "kappa",
    "match_percent",
    "multiresolution_fit",
    "transition_matrix",
]
