"""Decides with HiGHS's branch and bound which units of a heat case are on: every class strictly from the top, then cost with
what starts cost, without a gap.

The program is that of `optimizer_highspy.py`, and the states are of the plainest kind: one whole number per unit and step,
and what a change asks of later steps written out pair by pair, where the optimizer has three columns and sums. What the
search finds is solved again with its states given, so that no tolerance of the search is in a figure.

Prints {"name","stages":{class:MWh,"cost":money},"bounds":{the same}} for each case, or
{"name","infeasible":true}: there is no physical limit that gives here.
"""

import highspy
import numpy as np

import heatcase
import optimizer_highspy as plain

INF = highspy.kHighsInf
# By how much a figure of the search may miss the same figure with states given, relative to 1 + its size: what the wider room
# of the search is worth.
AGREE = 1e-5


def states(program, case, unit, heat):
    """The columns that say when a unit is on, with every rule of it; nothing for a unit that is not decided over."""
    if not case.decided(unit):
        return None
    steps, capacity, least = case.steps, case.capacity(unit), case.least(unit)
    was_on, age = case.before(unit)
    begins = np.concatenate(([0.0], np.cumsum(case.hours)[:-1]))
    lower, upper = case.series(0.0), (capacity > 0.0).astype(float)
    # What began before the horizon lasts; what runs ends where nothing of the unit is there.
    there = np.cumprod(upper) > 0.0
    if was_on is True:
        lower[there & (begins + age + heatcase.HAIR < unit.get("min_up_h", 0.0))] = 1.0
    if was_on is False:
        upper[begins + age + heatcase.HAIR < unit.get("min_down_h", 0.0)] = 0.0
    on = program.block(lower=lower, upper=upper, whole=True)
    program.constrain(-INF, 0.0, [(heat, 1.0), (on, -capacity)])
    program.constrain(0.0, INF, [(heat, 1.0), (on, -least)])
    up, down = case.ramps(unit)
    start, stop = case.changes(unit)
    starts = program.block(unit.get("start_cost", 0.0))
    out = case.out(unit)
    now = case.initial(unit)
    for t in range(0 if was_on is not None else 1, steps):
        one = Step(program, t)
        last = one.known(was_on) if t == 0 else [(on[t - 1], 1.0)]
        before = one.known(now) if t == 0 else [(heat[t - 1], 1.0)]
        state, made = [(on[t], 1.0)], [(heat[t], 1.0)]
        roomy = max(capacity[t], now if t == 0 else capacity[t - 1])
        one.at_most([*state, *minus(last), (starts[t], -1.0)], 0.0)
        # On and on, off and on, on and off: each limit is lifted in the two other cases.
        one.at_most([*made, *minus(before), *times(roomy, last)], up[t] + roomy)
        one.at_most([*made, *times(-roomy, last)], start[t])
        one.at_most([*before, *minus(made), *times(roomy, state)], down[t] + roomy)
        one.at_most([*before, *times(-roomy, state)], stop[t])
        for later in range(t + 1, steps):
            if begins[later] - begins[t] + heatcase.HAIR < unit.get("min_up_h", 0.0) and not out[t + 1 : later + 1].any():
                one.at_most([*state, *minus(last), (on[later], -1.0)], 0.0)
            if begins[later] - begins[t] + heatcase.HAIR < unit.get("min_down_h", 0.0):
                one.at_most([*last, *minus(state), (on[later], 1.0)], 1.0)
    return on


def times(factor, terms):
    return [(column, factor * value) for column, value in terms]


def minus(terms):
    return times(-1.0, terms)


class Step:
    """Rows of a single step. A figure that is known, such as that of before the horizon, is a term without a column."""

    def __init__(self, program, t):
        self.program, self.t = program, t

    @staticmethod
    def known(value):
        return [(None, float(value))]

    def at_most(self, terms, most):
        """One row, where there is a limit."""
        if np.isfinite(most):
            most -= sum(value for column, value in terms if column is None)
            columns = [(np.full(self.program.steps, column), value) for column, value in terms if column is not None]
            self.program.constrain(-INF, most, columns, [self.t])


def judge(case, _weights, _weighted_only):
    program, shed = plain.formulate(case, states)
    whole = plain.Stages(case, program, shed)
    decided = np.concatenate(program.whole).astype(np.int32) if program.whole else np.array([], dtype=np.int32)
    given = plain.Stages(case, program, shed)
    given.solver.changeColsIntegrality(
        len(decided), decided, np.full(len(decided), highspy.HighsVarType.kContinuous)
    )
    for option, value in (("mip_rel_gap", 0.0), ("mip_abs_gap", 1e-9), ("mip_feasibility_tolerance", 1e-9)):
        whole.solver.setOptionValue(option, value)
    bounds = []

    def minimise(costs):
        found = whole.minimise(costs)
        if found is None:
            return None
        chosen = np.round(found[1][decided])
        given.solver.changeColsBounds(len(decided), decided, chosen, chosen)
        value, point = given.minimise(costs)
        if abs(value - found[0]) > AGREE * (1.0 + abs(value)):
            raise RuntimeError(f"{case.name}: the search says {found[0]}, and {value} with its states given")
        bounds.append(whole.solver.getInfo().mip_dual_bound if len(decided) else value)
        return value, point

    def keep(costs, value):
        whole.keep(costs, value, plain.HOLD_WHOLE)
        given.keep(costs, value)

    stages = whole.walk(minimise, keep)
    if stages is None:
        return {"name": case.name, "infeasible": True}
    return {"name": case.name, "stages": stages, "bounds": dict(zip(stages, bounds))}


if __name__ == "__main__":
    heatcase.main(judge, __doc__, rare=True, states=True)
