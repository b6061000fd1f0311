"""Builds a heat case as an oemof.solph energy system and optimises the weighted sum.

solph knows no ramp from the heat of now into the first step: it is a bound of the first step's flow.

Prints {"name","objective_weighted"} for each case.
"""

import logging
import warnings

import numpy as np
import pandas as pd
from oemof import solph

import heatcase

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

Flow = solph.Flow


def system(case, weights):
    starts = np.concatenate(([0.0], np.cumsum(case.hours)))
    index = pd.Timestamp("2026-01-01") + pd.to_timedelta(starts * 3600.0, unit="s").round("ms")
    es = solph.EnergySystem(timeindex=index, infer_last_interval=False)
    buses = {header: solph.Bus(label=header) for header in case.headers}
    grid = {c["id"]: solph.Bus(label=f"connection {c['id']}") for c in case.connections}
    es.add(*buses.values(), *grid.values())
    for header, bus in buses.items():
        loss = case.fixed_loss(header)
        es.add(solph.components.Sink(label=f"vent {header}", inputs={bus: Flow()}))
        if loss.any():
            lost = Flow(fix=list(loss), nominal_capacity=1.0)
            es.add(solph.components.Sink(label=f"fixed loss {header}", inputs={bus: lost}))
    for connection in case.connections:
        bus, carrier, name = grid[connection["id"]], connection["carrier"], connection["id"]
        drawn = Flow(
            nominal_capacity=1.0,
            maximum=list(case.of(connection, "max_import")),
            variable_costs=list(case.buy[carrier]),
        )
        es.add(solph.components.Source(label=f"import {name}", outputs={bus: drawn}))
        most = case.of(connection, "max_export")
        if most.any():
            earned = list(-case.sell.get(carrier, case.series(0.0)))
            fed = Flow(nominal_capacity=1.0, maximum=list(most), variable_costs=earned)
            es.add(solph.components.Sink(label=f"export {name}", inputs={bus: fed}))
        base = Flow(nominal_capacity=1.0, fix=list(case.of(connection, "base_load")))
        es.add(solph.components.Sink(label=f"base {name}", inputs={bus: base}))
    for unit in case.units:
        es.add(converter(case, unit, buses, grid))
    for link in case.links:
        for cap, ends in (("cap", ("from", "to")), ("cap_reverse", ("to", "from"))):
            source, target = (buses[link[end]] for end in ends)
            sent = Flow(nominal_capacity=1.0, maximum=list(case.of(link, cap)))
            es.add(
                solph.components.Converter(
                    label=f"{cap} {link['id']}",
                    inputs={source: sent},
                    outputs={target: Flow()},
                    conversion_factors={target: 1.0 - link.get("loss_frac", 0.0)},
                )
            )
    for storage in case.storages:
        capacity, bus = storage["capacity_mwh"], buses[storage["header"]]
        lower, upper = [0.0] * (case.steps + 1), [1.0] * (case.steps + 1)
        if case.final(storage) is not None:
            lower[-1] = upper[-1] = case.final(storage) / capacity if capacity else 0.0
        es.add(
            solph.components.GenericStorage(
                label=storage["id"],
                inputs={bus: Flow(nominal_capacity=1.0, maximum=list(case.of(storage, "charge_max")))},
                outputs={bus: Flow(nominal_capacity=1.0, maximum=list(case.of(storage, "discharge_max")))},
                nominal_capacity=capacity,
                initial_storage_level=storage["initial_mwh"] / capacity if capacity else 0.0,
                min_storage_level=lower,
                max_storage_level=upper,
                balanced=False,
                loss_rate=storage.get("loss_per_h", 0.0),
                inflow_conversion_factor=storage.get("charge_eff", 1.0),
                outflow_conversion_factor=storage.get("discharge_eff", 1.0),
            )
        )
    for demand in case.demands:
        asked, sheddable = case.asked(demand)
        bus, name = buses[demand["header"]], demand["id"]
        weight = weights[case.classes.index(demand["class"])]
        es.add(solph.components.Sink(label=name, inputs={bus: Flow(nominal_capacity=1.0, fix=list(asked))}))
        short = Flow(nominal_capacity=1.0, maximum=list(sheddable), variable_costs=weight)
        es.add(solph.components.Source(label=f"unserved {name}", outputs={bus: short}))
    return es


def converter(case, unit, buses, grid):
    taken, made = case.draws(unit)
    source = case.connection(unit["plant"], unit.get("carrier"))
    power = case.power_connection(unit["plant"]) if made.any() else None
    lower, upper = case.floor(unit), case.capacity(unit)
    up, down = case.ramps(unit)
    now = case.initial(unit)
    if now is not None:
        lower[0], upper[0] = max(lower[0], now - down[0]), min(upper[0], now + up[0])
    limits = {"nominal_capacity": 1.0, "minimum": list(lower), "maximum": list(upper)}
    if np.isfinite(up).any():
        limits["positive_gradient_limit"] = list(up)
    if np.isfinite(down).any():
        limits["negative_gradient_limit"] = list(down)
    header = buses[unit["header"]]
    heat = Flow(variable_costs=list(case.heat_cost(unit)), **limits)
    if source is None:
        return solph.components.Source(label=unit["id"], outputs={header: heat})
    outputs, factors = {header: heat}, {grid[source["id"]]: list(taken), header: [1.0] * case.steps}
    if power is not None:
        outputs[grid[power["id"]]] = Flow()
        factors[grid[power["id"]]] = list(made)
    return solph.components.Converter(
        label=unit["id"], inputs={grid[source["id"]]: Flow()}, outputs=outputs, conversion_factors=factors
    )


def judge(case, weights, _weighted_only):
    model = solph.Model(system(case, weights))
    options = {"threads": 1, "primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
    # Raises where there is no optimum.
    model.solve(solver="highs", cmdline_options=options)
    return {"name": case.name, "objective_weighted": float(model.objective())}


heatcase.main(judge, __doc__)
