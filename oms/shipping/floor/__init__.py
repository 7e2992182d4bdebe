"""Work on the warehouse floor: picking lists, the packing station, hand-over to the carrier's driver."""
