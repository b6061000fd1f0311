"""Builds a heat case with numpy and solves it with HiGHS's own Python interface: the weighted sum first, then every class
strictly from the top and the cost last. A class that was minimised is held by a row, where the optimizer fixes the face of
optima by its duals: two ways to one answer.

Prints {"name","objective_weighted","unserved_weighted":{class:MWh},"stages":{class:MWh,"cost":money}} for each case.
"""

import highspy
import numpy as np

import heatcase

INF = highspy.kHighsInf
# MWh, relative to 1 + its size, by which a class that was minimised may be worse in later stages: far below what counts.
HOLD = 1e-10


class Program:
    """A linear program in blocks of one column or row per step."""

    def __init__(self, steps):
        self.steps, self.columns, self.rows = steps, 0, 0
        self.cost, self.lower, self.upper = [], [], []
        self.row_lower, self.row_upper = [], []
        self.at_row, self.at_column, self.value = [], [], []

    def block(self, cost=0.0, lower=0.0, upper=INF):
        """One column per step; says their numbers."""
        numbers = np.arange(self.columns, self.columns + self.steps)
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
            self.at_row.append(rows)
            self.at_column.append(numbers[steps])
            self.value.append(np.broadcast_to(np.asarray(coefficient, dtype=float), (self.steps,))[steps])

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
        solver = highspy.Highs()
        solver.setOptionValue("log_to_console", False)
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("primal_feasibility_tolerance", 1e-9)
        solver.setOptionValue("dual_feasibility_tolerance", 1e-9)
        if solver.passModel(lp) != highspy.HighsStatus.kOk:
            raise RuntimeError("HiGHS refuses the model")
        return solver


def formulate(case):
    """The program with its economic costs, and the columns of unserved heat by class."""
    program, hours = Program(case.steps), case.hours
    at_header = {header: [] for header in case.headers}
    at_connection = {}
    for connection in case.connections:
        carrier = connection["carrier"]
        drawn = program.block(hours * case.buy[carrier], upper=case.of(connection, "max_import"))
        sale = case.sell.get(carrier, case.series(0.0))
        fed = program.block(-hours * sale, upper=case.of(connection, "max_export"))
        at_connection[connection["id"]] = [(drawn, 1.0), (fed, -1.0)]
    for unit in case.units:
        heat = program.block(hours * case.heat_cost(unit), case.floor(unit), case.capacity(unit))
        at_header[unit["header"]].append((heat, 1.0))
        taken, made = case.draws(unit)
        source = case.connection(unit["plant"], unit.get("carrier"))
        if source:
            at_connection[source["id"]].append((heat, -taken))
        power = case.power_connection(unit["plant"])
        if power and made.any():
            at_connection[power["id"]].append((heat, made))
        up, down = case.ramps(unit)
        now = case.initial(unit)
        if now is not None:
            program.constrain(now - down, now + up, [(heat, 1.0)], [0])
        if case.steps > 1:
            program.constrain(-down, up, [(heat, 1.0), (np.roll(heat, 1), -1.0)], range(1, case.steps))
    for link in case.links:
        arriving = 1.0 - link.get("loss_frac", 0.0)
        for cap, ends in (("cap", ("from", "to")), ("cap_reverse", ("to", "from"))):
            flow = program.block(upper=case.of(link, cap))
            at_header[link[ends[0]]].append((flow, -1.0))
            at_header[link[ends[1]]].append((flow, arriving))
    for storage in case.storages:
        charge = program.block(upper=case.of(storage, "charge_max"))
        discharge = program.block(upper=case.of(storage, "discharge_max"))
        lower, upper = case.series(0.0), case.series(storage["capacity_mwh"])
        if case.final(storage) is not None:
            lower[-1] = upper[-1] = case.final(storage)
        content = program.block(lower=lower, upper=upper)
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
    level = {header: case.fixed_loss(header) for header in case.headers}
    for demand in case.demands:
        asked, sheddable = case.asked(demand)
        unserved = program.block(upper=sheddable)
        shed[demand["class"]].append(unserved)
        at_header[demand["header"]].append((unserved, 1.0))
        level[demand["header"]] = level[demand["header"]] + asked
    for header, terms in at_header.items():
        program.constrain(level[header], level[header], [*terms, (program.block(), -1.0)])
    for connection in case.connections:
        base = case.of(connection, "base_load")
        program.constrain(base, base, at_connection[connection["id"]])
    return program, shed


def judge(case, weights, weighted_only):
    program, shed = formulate(case)
    solver = program.passed()
    economic = np.concatenate(program.cost)
    everything = np.arange(program.columns, dtype=np.int32)
    hours = {name: np.zeros(program.columns) for name in case.classes}
    for name, blocks in shed.items():
        for numbers in blocks:
            hours[name][numbers] = case.hours

    def minimise(costs):
        solver.changeColsCost(program.columns, everything, costs)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"{case.name}: {solver.modelStatusToString(solver.getModelStatus())}")
        return solver.getInfo().objective_function_value, np.array(solver.getSolution().col_value)

    weighted = economic + sum(weight * hours[name] for weight, name in zip(weights, case.classes))
    objective, point = minimise(weighted)
    out = {
        "name": case.name,
        "objective_weighted": objective,
        "unserved_weighted": {name: float(hours[name] @ point) for name in case.classes},
    }
    if weighted_only:
        return out
    stages = {}
    for name in case.classes:
        stages[name], point = minimise(hours[name])
        numbers = np.flatnonzero(hours[name]).astype(np.int32)
        most = max(stages[name], 0.0)
        solver.addRow(-INF, most + HOLD * (1.0 + most), len(numbers), numbers, hours[name][numbers])
    stages["cost"], point = minimise(economic)
    return {**out, "stages": stages}


heatcase.main(judge, __doc__)
