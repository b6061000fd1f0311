"""Finds with HiGHS how little a heat schedule has to move against the previous one: every class strictly from the top, then
cost, then the sum of all changes while cost is at most 0.1 % above its optimum.

What counts is said in the format: the heat of each unit and the part of each demand that is shed, from step to step, and in
the first step against `previous`, in MW whatever the length of a step. What `previous` does not name has nothing to be
held against in the first step. A consumer that asks for more or less than before is none of it, so of a demand what is shed
is compared: before the horizon that is what it asks for now less what it was served.

Prints {"name","stages":{class:MWh,"cost":money},"movement":MW} for each case, or {"name","infeasible":true}.
"""

import numpy as np

import heatcase
import optimizer_highspy as plain

# Share of the cost that calm may take.
SPENT = 1e-3


def judge(case, _weights, _weighted_only):
    previous = case.raw.get("previous")
    if previous is None:
        raise ValueError(f"{case.name} has no previous schedule")
    moving = []
    program, shed = plain.formulate(case, note=lambda owner, columns: moving.append((owner, columns)))
    counted = []
    for owner, columns in moving:
        # How far it goes up and how far down into each step.
        up, down = program.block(), program.block()
        before = previous.get(owner["id"])
        if before is not None:
            if "class" in owner:
                before = max(case.of(owner, "heat")[0] - before, 0.0)
            program.constrain(before, before, [(columns, 1.0), (up, -1.0), (down, 1.0)], [0])
        if case.steps > 1:
            terms = [(columns, 1.0), (np.roll(columns, 1), -1.0), (up, -1.0), (down, 1.0)]
            program.constrain(0.0, 0.0, terms, range(1, case.steps))
        counted += [up, down]
    stages = plain.Stages(case, program, shed)
    found = stages.walk(stages.minimise, stages.keep)
    if found is None:
        return {"name": case.name, "infeasible": True}
    stages.hold(stages.economic, found["cost"] + SPENT * abs(found["cost"]))
    changes = np.zeros(program.columns)
    changes[np.concatenate(counted)] = 1.0
    movement, _ = stages.minimise(changes)
    return {"name": case.name, "stages": found, "movement": movement}


if __name__ == "__main__":
    heatcase.main(judge, __doc__, rare=True)
