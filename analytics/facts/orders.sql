-- Every order of a slice of vehicles as `journeys` holds it: its visit, and what the vehicle's other orders make of it.
-- CONTRACT section 3.
WITH
comebacks AS
(
    SELECT
        earlier.vehicle_key AS vehicle_key,
        earlier.center_id AS center_id,
        earlier.order_id AS order_id,
        min((later.checked_in_at, later.center_id, later.order_id)) AS first
    FROM {database:Identifier}.{visits:Identifier} AS earlier
    INNER JOIN {database:Identifier}.{visits:Identifier} AS later ON later.vehicle_key = earlier.vehicle_key
    WHERE earlier.is_judged
        AND later.has_check_in
        AND NOT later.is_corrected
        AND (later.order_id != earlier.order_id OR later.center_id != earlier.center_id)
        AND later.checked_in_at > earlier.closed_at
        AND later.checked_in_at <= earlier.closed_at + INTERVAL 30 DAY
        AND hasAny(later.fault_groups, earlier.fault_groups)
        AND ifNull(later.odometer - earlier.odometer <= 1000, 1)
    GROUP BY vehicle_key, center_id, order_id
)
SELECT
    visits.*,
    is_judged AND comebacks.order_id != '' AS has_comeback,
    if(is_judged, own_cause = '' AND NOT has_comeback, NULL) AS ftf,
    if(is_judged, nullIf(if(own_cause = '' AND has_comeback, 'comeback', own_cause), ''), NULL) AS ftf_cause,
    if(has_comeback, comebacks.first.3, NULL) AS comeback_order_id,
    if(has_comeback, comebacks.first.2, NULL) AS comeback_center_id,
    -- Grows with every event that can change the row.
    event_count + sum(linking) OVER (PARTITION BY visits.vehicle_key) - linking AS version
FROM {database:Identifier}.{visits:Identifier} AS visits
LEFT JOIN comebacks USING (vehicle_key, center_id, order_id)
