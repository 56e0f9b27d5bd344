"""The model of the docs: built land spreads along flat ground."""

from dissmodel.cells import CellModel, CellSpace, Classes, Numbers, Parameter


class Growth(CellModel):
    """Built land spreads along flat ground."""

    name = "growth"
    built = Classes({0: "open", 1: "built"}, colours={0: "#e8e4d8", 1: "#b2182b"})
    slope = Numbers(unit="degree", ge=0, le=90, changes=False)
    needed: int = Parameter(3, ge=1, le=8, unit="cells")
    rate: float = Parameter(0.2, ge=0, le=1, unit="1/step")

    def step(self, cells: CellSpace, now: int) -> None:
        ready = (
            (self.built == 0) & (cells.neighbors(self.built == 1).sum() >= self.needed) & (self.slope < 15)
        )
        self.next.built[ready & (cells.random() < self.rate)] = 1

    def measure(self, cells: CellSpace) -> dict[str, int]:
        return {"built": cells.count(self.built == 1)}
