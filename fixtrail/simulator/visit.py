"""One visit, from check-in to handoff, as a SimPy process that says its events."""

from collections.abc import Sequence
from typing import Any

from fixtrail.simulator.durations import Durations
from fixtrail.simulator.fault_waves import batch_of
from fixtrail.simulator.identity import build_of, vehicle_label
from fixtrail.simulator.scenario import FaultGroup, ScenarioPart
from fixtrail.simulator.voice import Experience
from fixtrail.simulator.workshop import Reason, Steps, Workshop
from schemas.times import MINUTE_S

CHECK_FEE = 180.0
# Well inside the 1,000 km within which CONTRACT section 3 sees a comeback: a car that is not right is driven less.
MOST_KM_TO_COMEBACK = 900
CANCEL_REASONS = ("等待时间过长", "price", "no time today")


class SimulatedVisit:
    """What is known of a visit while it goes on."""

    def __init__(self, shop: Workshop, reason: Reason) -> None:
        self.shop, self.reason, self.env = shop, reason, shop.env
        self.work, self.profile, self.draw = shop.scenario.work, shop.profile(), shop.draw
        self.durations = Durations(self.draw, shop.slowness)
        self.quick = reason.lane == "quick"
        self.start_s = self.env.now
        self.touch_s = self.pickup_s = 0.0
        self.ready_s: float | None = None
        self.updates = self.requests = self.sessions = 0
        self.line_ids: list[str] = []
        self.advisor = shop.next_advisor()
        self.stockout = self.open_part = self.reworked = self.overrun = False
        self.quoted = self.labour_hours = 0.0
        self.odometer_km = self._odometer()
        self.promised_s = self._first_promise()
        self.ready_share = shop.scenario.service.ready_share
        self.contact = reason.vehicle.contact if self.draw.random() < self.profile.contact_share else None
        vehicle_id = reason.vehicle.vehicle_id
        order_id = reason.booking.order_id if reason.booking else shop.next_order_id()
        self.order = shop.feed.open_order(order_id, vehicle_id, reason.center_id, self.start_s)
        self.order.further_count = reason.booking.further_count if reason.booking else 0

    def say(self, kind: str, **fields: Any) -> None:
        self.shop.feed.say(self.order, kind, self.env.now, **fields)

    def say_further(self, kind: str, at_s: float, **fields: Any) -> None:
        self.shop.feed.say_further(self.order, kind, at_s, **fields)

    def chance(self, share: float) -> bool:
        return self.draw.random() < share

    def wait(self, mean_min: float) -> Steps[None]:
        yield self.env.timeout(self.delay_s(mean_min))

    def delay_s(self, mean_min: float) -> float:
        return self.durations.delay_s(mean_min * (self.work.quick_pace if self.quick else 1.0))

    def touch(self, seconds: float) -> Steps[None]:
        """Somebody works at the vehicle, or checks it."""
        self.touch_s += seconds
        yield self.env.timeout(seconds)

    def technician_id(self, number: int) -> str:
        return f"{self.reason.center_id}-t{number}"

    def repair_min(self, group: FaultGroup) -> float:
        return group.quick_repair_min if self.quick and group.quick_repair_min else group.repair_min

    def update(self, rest_s: float) -> None:
        """Tell the customer how it goes, perhaps: a check-in sent again, with the promise as it looks now."""
        if self.chance(self.profile.update_share):
            self.updates += 1
            self.promised_s = max(self.promised_s, self.shop.feed.next_five_minutes(self.env.now + rest_s))
            self.check_in()

    def check_in(self) -> None:
        vehicle = self.reason.vehicle
        fields: dict[str, Any] = {
            "customer_id": vehicle.customer_id,
            "lane": self.reason.lane,
            "odometer_km": self.odometer_km,
            "promised_at": self.shop.feed.stamp(self.promised_s),
            "locale": vehicle.locale,
            "vehicle_label": vehicle_label(vehicle.vehicle_id, self.shop.center.region),
            "advisor": self.advisor,
            **build_of(vehicle.vehicle_id),
        }
        if self.contact is not None:
            fields["contact"] = self.contact
        self.say("check_in", **fields)

    def findings(self, technician_id: str) -> dict[str, Any]:
        groups = self.reason.groups
        fields: dict[str, Any] = {
            "technician_id": technician_id,
            "fault_groups": [group.name for group in groups],
            "fault_origin": groups[0].origin,
        }
        codes = [code for group in groups for code in group.codes]
        if codes:
            fields["fault_codes"] = codes
        return fields

    def price(self, parts: Sequence[ScenarioPart]) -> dict[str, Any]:
        """The quote, which from now on is what the visit should cost."""
        minutes = sum(self.repair_min(group) for group in self.reason.groups)
        self.labour_hours = max(round(minutes / 60, 1), 0.2)
        return self.quote([_line_of(part, number) for number, part in enumerate(parts, 1)])

    def quote(self, lines: list[dict[str, Any]], found_later: str | None = None) -> dict[str, Any]:
        labour = self.labour_hours * self.work.labour_rate
        items = self._labour_items(found_later)
        self.line_ids = [line["line_id"] for line in [*items, *lines]]
        self.quoted = round(labour + sum(line["quantity"] * line["unit_price"] for line in lines), 2)
        return {
            "labour_hours": self.labour_hours,
            "labour_rate": self.work.labour_rate,
            "parts": lines,
            "labour": items,
            "currency": self.work.currency,
        }

    def _labour_items(self, found_later: str | None) -> list[dict[str, Any]]:
        """The hours by fault; what is over goes to what was found later, or to the last fault."""
        names = [group.labour or group.name for group in self.reason.groups]
        tenths = round(self.labour_hours * 10)
        hours = [round(tenths / len(names)) for _ in names[1:]] if found_later is None else [tenths - 5]
        names = names if found_later is None else [" + ".join(names), found_later]
        hours.append(tenths - sum(hours))
        return [
            {"name": name, "hours": tenth / 10, "line_id": f"l{number}"}
            for number, (name, tenth) in enumerate(zip(names, hours, strict=True), 1)
        ]

    def batch(self, part: ScenarioPart) -> str:
        """The batch of the part that this car has."""
        return batch_of(part.no, self.reason.vehicle.vehicle_id)

    def approve(self) -> None:
        if self.chance(0.85):
            self.say("quote_decision", approved=True, amount=self.quoted, lines=self.line_ids)
        else:
            self.say("quote_decision", approved=True)

    def reception(self) -> Steps[None]:
        with self.shop.advisors.request() as turn:
            yield turn
            yield from self.wait(self.profile.reception_min)

    def diagnosis(self, needed: Sequence[ScenarioPart], with_quote: bool) -> Steps[None]:
        technicians = self.shop.technicians[self.reason.lane]
        technician = yield technicians.get()
        technician_id = self.technician_id(technician)
        self.say("diagnosis", phase="started", technician_id=technician_id)
        minutes = self.work.quick_diagnosis_min if self.quick else self.work.diagnosis_min
        yield from self.touch(self.durations.work_s(minutes))
        fields, quote = self.findings(technician_id), self.price(needed)
        if with_quote:
            fields["quote"] = quote
        self.say("diagnosis", phase="completed", **fields)
        technicians.put(technician)

    def declare_ready(self) -> None:
        """Say that the car may be fetched, as most workshops do; while a part is open it is not."""
        if not self.open_part and self.work.pickup_min and self.shop.further.random() < self.ready_share:
            self.say_further("ready", self.env.now)

    def pickup(self) -> Steps[None]:
        began_s = self.env.now if self.ready_s is None else self.ready_s
        yield self.env.timeout(self.durations.work_s(self.work.pickup_min * (0.5 if self.open_part else 1.0)))
        # While a part is open the vehicle is not ready (CONTRACT section 2): that is a wait.
        self.pickup_s = 0.0 if self.open_part else self.env.now - began_s

    def hand_off(self, amount: float) -> None:
        self.say("handoff", odometer_km=self.odometer_km + 1, amount=round(amount, 2))
        self.shop.feed.close_order(self.order, self.env.now)

    def cancel(self) -> None:
        self.say("cancellation", reason=CANCEL_REASONS[int(self.draw.random() * len(CANCEL_REASONS))])
        self.shop.feed.close_order(self.order, self.env.now)

    def bill(self) -> float:
        self.overrun = self.chance(self.profile.quote_overrun_share)
        return self.quoted * (1.03 + 0.12 * self.draw.random() if self.overrun else 1.0)

    def days_to_return(self) -> float | None:
        """In how many days the vehicle is back for the same fault; None if it is not."""
        if self.chance(self.profile.comeback_share):
            return self.durations.days(self.work.comeback_mean_days)
        if self.open_part and self.chance(self.work.part_return_share):
            return 3 + 5 * self.draw.random()
        return None

    def experience(self, comes_back: bool) -> Experience:
        return Experience(
            wait_min=(self.env.now - self.start_s - self.touch_s - self.pickup_s) / MINUTE_S,
            fixed_first_time=not (self.reworked or self.open_part or comes_back),
            stockout=self.stockout,
            updates=self.updates,
            quote_overrun=self.overrun,
            locale=self.reason.vehicle.locale,
        )

    def reason_to_return(self) -> Reason:
        elsewhere = self.shop.context.partner
        if self.open_part or elsewhere is None or not self.chance(self.work.comeback_elsewhere_share):
            elsewhere = self.shop.center.id
        return Reason(
            vehicle=self.reason.vehicle,
            groups=self.reason.groups[:1],
            lane="standard",
            center_id=elsewhere,
            part_is_there=self.open_part,
            last_odometer_km=self.odometer_km,
        )

    def _odometer(self) -> int:
        vehicle = self.reason.vehicle
        odometer_km = vehicle.drive_until(self.start_s)
        if self.reason.last_odometer_km is not None:
            odometer_km = vehicle.odometer_km = min(odometer_km, self.reason.last_odometer_km + MOST_KM_TO_COMEBACK)
        return odometer_km

    def _first_promise(self) -> float:
        allowance = self.profile.promised_wait_min * (self.work.quick_pace if self.quick else 1.0)
        diagnosis = self.work.quick_diagnosis_min if self.quick else self.work.diagnosis_min
        minutes = allowance + diagnosis + sum(self.repair_min(group) for group in self.reason.groups)
        return self.shop.feed.next_five_minutes(self.start_s + minutes * MINUTE_S)


def _line_of(part: ScenarioPart, number: int) -> dict[str, Any]:
    line: dict[str, Any] = {"part_no": part.no, "quantity": part.quantity, "unit_price": part.price}
    if part.name:
        line["name"] = part.name
    return {**line, "line_id": f"p{number}"}
