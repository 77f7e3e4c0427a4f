package fixtrail;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** One order's state under the simple rules: benchmarks/contenders/simple_rules.py says the same in Python. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public final class OrderState {
  /** A check-in, handoff or cancellation; `status` is what the order has after it. */
  public record Mark(long at, String eventId, String status) {}

  private static final Comparator<Mark> ORDER = Comparator.comparingLong(Mark::at).thenComparing(Mark::eventId);

  public Set<String> eventIds = new LinkedHashSet<>();
  public List<Mark> closes = new ArrayList<>();
  public Mark checkIn;
  public long lastEventAt = Long.MIN_VALUE;

  /** Takes an event in; false for a duplicate, which changes nothing. */
  boolean add(String eventId, String type, long at) {
    if (!eventIds.add(eventId)) {
      return false;
    }
    lastEventAt = Math.max(lastEventAt, at);
    switch (type) {
      case "check_in" -> {
        Mark mark = new Mark(at, eventId, "open");
        checkIn = checkIn == null || ORDER.compare(mark, checkIn) < 0 ? mark : checkIn;
      }
      case "handoff" -> closes.add(new Mark(at, eventId, "handed_off"));
      case "cancellation" -> closes.add(new Mark(at, eventId, "cancelled"));
      default -> {}
    }
    return true;
  }

  /** The order's fact. */
  Map<String, Object> fact(String center, String order, String vehicle) {
    // What sorts before the check-in cannot have ended the visit.
    Mark close =
        closes.stream().filter(mark -> checkIn == null || ORDER.compare(mark, checkIn) > 0).min(ORDER).orElse(null);
    Long checkedInAt = checkIn == null ? null : (Long) checkIn.at;
    Long closedAt = close == null ? null : (Long) close.at;
    long until = close == null ? lastEventAt : close.at;
    Map<String, Object> fact = new LinkedHashMap<>();
    fact.put("order_id", order);
    fact.put("vehicle_id", vehicle);
    fact.put("center_id", center);
    fact.put("status", close == null ? "open" : close.status);
    fact.put("checked_in_at", checkedInAt);
    fact.put("closed_at", closedAt);
    fact.put("lead_s", checkedInAt == null ? null : (until - checkedInAt) / 1000.0);
    fact.put("event_count", eventIds.size());
    fact.put("last_event_at", lastEventAt);
    return fact;
  }
}
