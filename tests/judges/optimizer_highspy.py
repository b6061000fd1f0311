"""Builds a heat case with numpy and solves it with HiGHS's own Python interface: the weighted sum first, then every class
strictly from the top and the cost last. A class that was minimised is held by a row, where the optimizer fixes the face of
optima by its duals: two ways to one answer.

Written from the description of the format, without a physical limit that gives: a case that needs one is infeasible here.

Prints {"name","objective_weighted","unserved_weighted":{class:MWh},"stages":{class:MWh,"cost":money}} for each case, or
{"name","infeasible":true}.
"""

import highspy
import numpy as np

import heatcase

INF = highspy.kHighsInf
# MWh, relative to 1 + its size, by which a class that was minimised may be worse in later stages: far below what counts.
HOLD = 1e-10
# The same where some columns are whole numbers: the search takes narrower rooms for none at all.
HOLD_WHOLE = 1e-8


class Program:
    """A linear program in blocks of one column or row per step."""

    def __init__(self, steps):
        self.steps, self.columns, self.rows = steps, 0, 0
        self.cost, self.lower, self.upper = [], [], []
        self.row_lower, self.row_upper = [], []
        self.at_row, self.at_column, self.value = [], [], []
        self.whole = []

    def block(self, cost=0.0, lower=0.0, upper=INF, whole=False):
        """One column per step, of whole numbers where that is said; says their numbers."""
        numbers = np.arange(self.columns, self.columns + self.steps)
        if whole:
            self.whole.append(numbers)
        self.columns += self.steps
        for kept, given in ((self.cost, cost), (self.lower, lower), (self.upper, upper)):
            kept.append(np.broadcast_to(np.asarray(given, dtype=float), (self.steps,)))
        return numbers

    def constrain(self, lower, upper, terms, steps=None):
        """One row per step (or for the steps named): lower <= sum of coefficient times column <= upper."""
        steps = np.arange(self.steps) if steps is None else np.asarray(steps)
        rows = np.arange(self.rows, self.rows + len(steps))
        self.rows += len(steps)
        for kept, given in ((self.row_lower, lower), (self.row_upper, upper)):
            kept.append(np.broadcast_to(np.asarray(given, dtype=float), (self.steps,))[steps])
        for numbers, coefficient in terms:
            coefficient = np.broadcast_to(np.asarray(coefficient, dtype=float), (self.steps,))
            self.enter(rows, numbers[steps], coefficient[steps])
        return rows

    def enter(self, rows, columns, coefficient):
        """Further coefficients, row by row."""
        self.at_row.append(rows)
        self.at_column.append(columns)
        self.value.append(np.broadcast_to(coefficient, rows.shape))

    def charge(self, numbers, cost):
        """More cost on the columns of a block."""
        block = numbers[0] // self.steps
        self.cost[block] = self.cost[block] + cost

    def passed(self):
        """The program inside a solver."""
        row, column = np.concatenate(self.at_row), np.concatenate(self.at_column)
        order = np.lexsort((row, column))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.columns, self.rows
        lp.col_cost_ = np.concatenate(self.cost)
        lp.col_lower_, lp.col_upper_ = np.concatenate(self.lower), np.concatenate(self.upper)
        lp.row_lower_, lp.row_upper_ = np.concatenate(self.row_lower), np.concatenate(self.row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.concatenate(([0], np.cumsum(np.bincount(column, minlength=self.columns))))
        lp.a_matrix_.index_ = row[order]
        lp.a_matrix_.value_ = np.concatenate(self.value)[order]
        if self.whole:
            kinds = np.full(self.columns, highspy.HighsVarType.kContinuous)
            kinds[np.concatenate(self.whole)] = highspy.HighsVarType.kInteger
            lp.integrality_ = list(kinds)
        solver = highspy.Highs()
        solver.setOptionValue("log_to_console", False)
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("primal_feasibility_tolerance", 1e-9)
        solver.setOptionValue("dual_feasibility_tolerance", 1e-9)
        if solver.passModel(lp) != highspy.HighsStatus.kOk:
            raise RuntimeError("HiGHS refuses the model")
        return solver


def bends(case, unit):
    """Whether a piece of the unit's curve is cheaper than the one before it."""
    slopes = [case.of(segment, "input_per_heat") for segment in unit.get("segments") or []]
    return any(np.any(after < before) for before, after in zip(slopes, slopes[1:]))


def bent(program, case, unit, heat):
    """A curve that is not convex, piece by piece: the unit is on one of them, and there the draw is a line."""
    on_piece, columns, begins, drawn = [], [], 0.0, case.series(0.0)
    for segment in unit["segments"]:
        slope, ends = case.of(segment, "input_per_heat"), begins + segment["heat"]
        here, made = program.block(upper=1.0, whole=True), program.block()
        program.constrain(-INF, 0.0, [(made, 1.0), (here, -ends)])
        program.constrain(0.0, INF, [(made, 1.0), (here, -begins)])
        on_piece.append((here, 1.0))
        columns += [(made, slope, case.series(0.0)), (here, drawn - slope * begins, case.series(0.0))]
        drawn = drawn + slope * segment["heat"]
        begins = ends
    program.constrain(1.0, 1.0, on_piece)
    program.constrain(0.0, 0.0, [(heat, -1.0), *((made, 1.0) for made, _, _ in columns[::2])])
    return columns


def conversion(program, case, unit, heat, on=None, whole=False):
    """The columns that draw the unit's carrier and make its power: each with MW of both per unit of the column. A unit with
    states turns nothing while it is off. Where whole numbers are allowed a curve need not be convex, and is never left for more
    than it says, whatever its carrier is worth."""
    nothing = case.series(0.0)
    if unit.get("segments") and whole:
        return bent(program, case, unit, heat)
    if bends(case, unit):
        raise ValueError(f"{unit['id']} has a curve that is not convex")
    if unit.get("segments"):
        pieces = [program.block(upper=segment["heat"]) for segment in unit["segments"]]
        program.constrain(0.0, 0.0, [(heat, -1.0), *((piece, 1.0) for piece in pieces)])
        return [(piece, case.of(segment, "input_per_heat"), nothing) for piece, segment in zip(pieces, unit["segments"])]
    if unit.get("mode") == "extraction":
        power = program.block()
        loss, per_fuel = case.of(unit, "power_loss"), case.of(unit, "condensing_eff")
        program.constrain(0.0, INF, [(power, 1.0), (heat, -case.of(unit, "power_to_heat"))])
        most = case.of(unit, "power_max") * case.available(unit)
        program.constrain(-INF, most, [(power, 1.0), (heat, loss)])
        if on is not None:
            program.constrain(-INF, 0.0, [(power, 1.0), (heat, loss), (on, -most)])
        return [(power, 1.0 / per_fuel, case.series(1.0)), (heat, loss / per_fuel, nothing)]
    if unit.get("mode") == "region":
        weights = [program.block() for _ in unit["region"]]
        for_heat = [(weight, vertex["heat"]) for weight, vertex in zip(weights, unit["region"])]
        program.constrain(0.0, 0.0, [(heat, -1.0), *for_heat])
        there = (case.available(unit) > 0.0).astype(float)
        # A unit that must run is somewhere in its region; another may be anywhere between there and standstill.
        least = there if unit.get("must_run") is not None else -INF
        all_of_it = [(weight, 1.0) for weight in weights]
        program.constrain(least, there, all_of_it)
        if on is not None:
            # It stands in its region while it is on, and nowhere else.
            program.constrain(0.0, 0.0, [*all_of_it, (on, -1.0)])
        return [
            (weight, case.series(vertex["fuel"]), case.series(vertex["power"]))
            for weight, vertex in zip(weights, unit["region"])
        ]
    return [(heat, *case.draws(unit))]


def ramps(program, case, unit, heat):
    """A unit without states rises and falls as its ramps allow."""
    up, down = case.ramps(unit)
    now = case.initial(unit)
    if now is not None:
        program.constrain(now - down, now + up, [(heat, 1.0)], [0])
    if case.steps > 1:
        program.constrain(-down, up, [(heat, 1.0), (np.roll(heat, 1), -1.0)], range(1, case.steps))


def formulate(case, decide=None, note=None):
    """The program with its economic costs, and the columns of unserved heat by class. `decide` says, of a unit that may be
    on or off, the columns of its states, and holds its heat to them; without it units have none. `note` is told the heat of
    each unit and what each demand is shed."""
    program, hours = Program(case.steps), case.hours
    at_header = {header: [] for header in case.headers}
    at_connection = {}
    for connection in case.connections:
        carrier = connection["carrier"]
        drawn = program.block(hours * case.buy[carrier], upper=case.of(connection, "max_import"))
        sale = case.sell.get(carrier, case.series(0.0))
        fed = program.block(-hours * sale, upper=case.of(connection, "max_export"))
        at_connection[connection["id"]] = [(drawn, 1.0), (fed, -1.0)]
    margins = {header: [] for header in case.headers}
    made_at = {connection["id"]: [] for connection in case.connections}
    for unit in case.units:
        capacity = case.capacity(unit)
        heat = program.block(hours * case.of(unit, "var_om"), case.floor(unit), capacity)
        at_header[unit["header"]].append((heat, 1.0))
        source = case.connection(unit["plant"], unit.get("carrier"))
        power = case.power_connection(unit["plant"])
        on = decide(program, case, unit, heat) if decide else None
        for column, taken, made in conversion(program, case, unit, heat, on, decide is not None):
            program.charge(column, hours * case.loose_price(unit) * taken)
            if source:
                at_connection[source["id"]].append((column, -taken))
            if power and np.any(made):
                at_connection[power["id"]].append((column, made))
                made_at[power["id"]].append((column, made))
        if on is None:
            ramps(program, case, unit, heat)
        if note:
            note(unit, heat)
        if unit["header"] in case.reserves:
            ramp = unit.get("ramp_up_per_h")
            quick = INF if ramp is None else ramp * case.reserves[unit["header"]]["minutes"] / 60.0
            margin = program.block(upper=quick)
            margins[unit["header"]].append((margin, 1.0))
            program.constrain(-INF, capacity, [(heat, 1.0), (margin, 1.0)])
            if on is not None:
                program.constrain(-INF, 0.0, [(heat, 1.0), (margin, 1.0), (on, -capacity)])
    for header, reserve in case.reserves.items():
        asked = case.of(reserve, "mw")
        lacking = program.block(hours * reserve["price"], upper=asked)
        program.constrain(asked, INF, [*margins[header], (lacking, 1.0)])
    for connection in case.connections:
        # What pays more than it costs is sold only as far as it was made here.
        carrier = next(c for c in case.raw["carriers"] if c["id"] == connection["carrier"])
        if "sell" in carrier:
            cheap = np.flatnonzero(case.of(carrier, "sell") > case.of(carrier, "buy"))
            fed = at_connection[connection["id"]][1][0]
            made = [(column, -power) for column, power in made_at[connection["id"]]]
            program.constrain(-INF, 0.0, [(fed, 1.0), *made], cheap)
    level = {header: case.fixed_loss(header) for header in case.headers}
    arrivals = []
    for link in case.links:
        arriving, delay = 1.0 - link.get("loss_frac", 0.0), link.get("delay_steps", 0)
        # What is under way at the end counts as if it arrived.
        late = np.arange(case.steps) >= case.steps - delay
        credit = -hours * late * arriving * (link.get("credit_per_mwh") or 0.0)
        ways = (("cap", "forward_before", ("from", "to")), ("cap_reverse", "reverse_before", ("to", "from")))
        for cap, before, ends in ways:
            flow = program.block(credit, upper=case.of(link, cap))
            at_header[link[ends[0]]].append((flow, -1.0))
            arrivals.append((link[ends[1]], flow, arriving, delay))
            for step, sent in enumerate(link.get(before, [])[: case.steps]):
                level[link[ends[1]]][step] -= arriving * sent
    for storage in case.storages:
        charge = program.block(upper=case.of(storage, "charge_max"))
        discharge = program.block(upper=case.of(storage, "discharge_max"))
        lower, upper = case.series(0.0), case.series(storage["capacity_mwh"])
        if case.final(storage) is not None:
            lower[-1] = upper[-1] = case.final(storage)
        worth = case.series(0.0)
        worth[-1] = -case.final_value(storage)
        content = program.block(worth, lower, upper)
        at_header[storage["header"]] += [(discharge, 1.0), (charge, -1.0)]
        kept = case.kept(storage)
        flows = [
            (charge, -hours * storage.get("charge_eff", 1.0)),
            (discharge, hours / storage.get("discharge_eff", 1.0)),
        ]
        first = kept * storage["initial_mwh"]
        program.constrain(first, first, [(content, 1.0), *flows], [0])
        if case.steps > 1:
            later = [(content, 1.0), (np.roll(content, 1), -kept), *flows]
            program.constrain(0.0, 0.0, later, range(1, case.steps))
    shed = {name: [] for name in case.classes}
    for demand in case.demands:
        asked, sheddable = case.asked(demand)
        unserved = program.block(upper=sheddable)
        shed[demand["class"]].append(unserved)
        if note:
            note(demand, unserved)
        at_header[demand["header"]].append((unserved, 1.0))
        level[demand["header"]] = level[demand["header"]] + asked
    for header, terms in at_header.items():
        rows = program.constrain(level[header], level[header], [*terms, (program.block(), -1.0)])
        for to, flow, arriving, delay in arrivals:
            if to == header:
                program.enter(rows[delay:], flow[: max(case.steps - delay, 0)], arriving)
    for connection in case.connections:
        base = case.of(connection, "base_load")
        program.constrain(base, base, at_connection[connection["id"]])
    return program, shed


class Stages:
    """The objectives of a program, and the solver that holds it."""

    def __init__(self, case, program, shed):
        self.case, self.program, self.solver = case, program, program.passed()
        self.economic = np.concatenate(program.cost)
        self.everything = np.arange(program.columns, dtype=np.int32)
        self.hours = {name: np.zeros(program.columns) for name in case.classes}
        for name, blocks in shed.items():
            for numbers in blocks:
                self.hours[name][numbers] = case.hours

    def minimise(self, costs):
        """Value and point of the best, or nothing where nothing is allowed."""
        self.solver.changeColsCost(self.program.columns, self.everything, costs)
        self.solver.run()
        status = self.solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"{self.case.name}: {self.solver.modelStatusToString(status)}")
        return self.solver.getInfo().objective_function_value, np.array(self.solver.getSolution().col_value)

    def keep(self, costs, value, room=HOLD):
        """From now on a stage keeps what it has, but for a room."""
        most = max(value, 0.0)
        self.hold(costs, most + room * (1.0 + most))

    def hold(self, costs, most):
        """From now on such a sum is at most so much."""
        numbers = np.flatnonzero(costs).astype(np.int32)
        self.solver.addRow(-INF, most, len(numbers), numbers, costs[numbers])

    def walk(self, minimise, keep):
        """Every class strictly from the top, then cost; nothing where nothing is allowed."""
        stages = {}
        for name, costs in [*self.hours.items(), ("cost", self.economic)]:
            best = minimise(costs)
            if best is None:
                if stages:
                    raise RuntimeError(f"{self.case.name}: what the stages above found is not allowed to {name}")
                return None
            stages[name] = best[0]
            if name != "cost":
                keep(costs, best[0])
        return stages


def judge(case, weights, weighted_only):
    program, shed = formulate(case)
    stages = Stages(case, program, shed)
    hours, minimise = stages.hours, stages.minimise
    weighted = stages.economic + sum(weight * hours[name] for weight, name in zip(weights, case.classes))
    best = minimise(weighted)
    if best is None:
        return {"name": case.name, "infeasible": True}
    objective, point = best
    out = {
        "name": case.name,
        "objective_weighted": objective,
        "unserved_weighted": {name: float(hours[name] @ point) for name in case.classes},
    }
    if weighted_only:
        return out
    return {**out, "stages": stages.walk(minimise, stages.keep)}


if __name__ == "__main__":
    heatcase.main(judge, __doc__, rare=True)
