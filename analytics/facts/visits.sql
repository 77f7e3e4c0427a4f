-- Every order's visit out of the events of a slice of vehicles, but for what the vehicle's other orders say about it.
-- CONTRACT sections 2, 3 and 5; where they are open, docs/metrics.md#readings.
WITH
ms -> fromUnixTimestamp64Milli(ms, 'UTC') AS instant,
(part, name) -> if(
    arrayExists(request -> request.4 = name, part),
    instant(arrayFirst(request -> request.4 = name, part).3),
    NULL) AS reached,
-- One row per distinct event, with what the order of events is needed for. `closes` is any event that may end a visit,
-- `voice` what counts after the close, too; `subject` the job or part request that it is about.
sources AS
(
    SELECT
        vehicle_key, center_id, order_id, event_id, customer_key, type, part_no, payload,
        coalesce(job_id, request_id, '') AS item,
        reinterpretAsUInt128(sipHash128(vehicle_key, center_id, order_id)) AS visit,
        reinterpretAsUInt128(sipHash128(visit, type, item)) AS subject,
        toUnixTimestamp64Milli(occurred_at) AS ms,
        multiIf(
            type = 'quality_check', ifNull(phase, 'completed'),
            type = 'complaint', ifNull(phase, 'opened'),
            ifNull(phase, '')) AS phase,
        type IN ('handoff', 'cancellation') AS closes,
        type IN ('survey', 'complaint', 'follow_up') AS voice,
        type = 'diagnosis' AND phase = 'completed' AS diagnosed,
        type = 'cancellation' AND JSONExtractString(payload, 'reason') = 'vehicle_corrected' AS corrects,
        type = 'quality_check' AND phase = 'completed' AND NOT JSONExtractBool(payload, 'passed') AS fails,
        type = 'quality_check' AND phase = 'completed' AND JSONExtractBool(payload, 'passed') AS passes,
        type = 'quote_decision' AND NOT JSONExtractBool(payload, 'approved') AS refuses,
        if(type = 'repair' AND phase = 'paused', JSONExtractString(payload, 'pause_reason'), '') AS pause_reason,
        if(diagnosed, JSONExtractRaw(payload, 'quote'), '') AS quote
    FROM {source_database:Identifier}.{source:Identifier}
    WHERE vehicle_key >= {since:String} AND vehicle_key < {until:String}
),
-- What was said of the same job or part request before.
items AS
(
    SELECT
        *,
        -- A check-in's promise, a part's expectation: cut to whole milliseconds, before 1970 too.
        toUnixTimestamp64Micro(parseDateTime64BestEffortOrNull(
            multiIf(
                type = 'check_in', JSONExtractString(payload, 'promised_at'),
                type = 'part_request', JSONExtractString(payload, 'expected_at'),
                ''), 6, 'UTC')) AS later_us,
        if(quote IN ('', 'null'), NULL, (
            toDecimal256OrZero(trim(BOTH '"' FROM JSONExtractRaw(quote, 'labour_hours')), 20)
                * toDecimal256OrZero(trim(BOTH '"' FROM JSONExtractRaw(quote, 'labour_rate')), 20)
            + arraySum(line -> toDecimal256OrZero(trim(BOTH '"' FROM JSONExtractRaw(line, 'quantity')), 20)
                * toDecimal256OrZero(trim(BOTH '"' FROM JSONExtractRaw(line, 'unit_price')), 20),
                JSONExtractArrayRaw(quote, 'parts')))) AS quote_total,
        lagInFrame(toString(phase), 1, '') OVER until_now AS phase_before,
        lagInFrame(pause_reason, 1, '') OVER until_now AS reason_before,
        countIf(phase = 'completed') OVER until_now > (phase = 'completed') AS completed_before,
        countIf(phase IN ('requested', 'backordered')) OVER until_now AS requests,
        countIf(phase IN ('fulfilled', 'cancelled')) OVER until_now AS settlements
    FROM sources
    WINDOW until_now AS (
        PARTITION BY subject ORDER BY ms, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- What holds once the event has happened.
changes AS
(
    SELECT
        vehicle_key, center_id, order_id, event_id, customer_key, type, part_no, payload, item, visit, ms, phase,
        closes, voice, diagnosed, corrects, fails, pause_reason, completed_before, quote_total,
        intDiv(later_us - positiveModulo(later_us, 1000), 1000) AS later_ms,
        row_number() OVER until_now AS n,
        countIf(type = 'check_in') OVER until_now AS check_ins,
        countIf(type = 'check_in') OVER (PARTITION BY visit) AS all_check_ins,
        sumIf(toInt8(phase IN ('started', 'resumed')) - toInt8(phase_before IN ('started', 'resumed')),
            type = 'repair') OVER until_now AS running,
        sumIf(toInt8(phase = 'paused') - toInt8(phase_before = 'paused'), type = 'repair') OVER until_now AS paused,
        sumIf(toInt8(pause_reason = 'expert') - toInt8(reason_before = 'expert'), type = 'repair')
            OVER until_now AS for_expert,
        sumIf(toInt8(pause_reason = 'shift_end') - toInt8(reason_before = 'shift_end'), type = 'repair')
            OVER until_now AS for_shift_end,
        sumIf(
            toInt8(requests > 0 AND settlements = 0) - toInt8(
                requests > (phase IN ('requested', 'backordered'))
                AND settlements = (phase IN ('fulfilled', 'cancelled'))),
            type = 'part_request') OVER until_now AS open_parts,
        countIf(type = 'diagnosis') OVER until_now AS diagnoses,
        countIf(type = 'repair') OVER until_now AS repairs,
        countIf(type = 'repair' AND phase = 'completed') OVER until_now AS completions,
        anyLast(if(type = 'diagnosis', phase = 'started', NULL)) OVER until_now AS diagnosing,
        anyLast(if(type = 'quality_check', phase = 'started', NULL)) OVER until_now AS checking,
        anyLast(multiIf(isNotNull(quote_total), 1, type = 'quote_decision', 0, NULL)) OVER until_now AS quote_waits,
        anyLast(if(type = 'quote_decision', refuses, NULL)) OVER until_now AS refused,
        anyLast(multiIf(fails, 1, type = 'repair' AND phase = 'started', 0, NULL)) OVER until_now AS check_failed,
        anyLast(multiIf(type IN ('diagnosis', 'repair'), 0, passes OR refuses OR type = 'ready', 1, NULL))
            OVER until_now AS proven,
        anyLast(quote_total) OVER until_now AS quoted,
        anyLast(if(type = 'check_in', later_ms, NULL)) OVER until_now AS promise
    FROM items
    WINDOW until_now AS (
        PARTITION BY visit ORDER BY ms, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- The visit runs from the first check-in to the first event after it that closes; without one, to the first that does.
bounded AS
(
    SELECT
        *,
        min(if(closes AND (check_ins > 0 OR all_check_ins = 0), n, NULL)) OVER (PARTITION BY visit) AS end_n
    FROM changes
),
states AS
(
    SELECT
        *,
        ifNull(n = end_n, 0) AS ends,
        NOT voice AND ifNull(n <= end_n, 1) AS counts,
        NOT voice AND NOT corrects AND ifNull(n > end_n, 0) AS late,
        multiIf(
            running > 0, 'repair',
            ifNull(diagnosing, 0) = 1, 'diagnosis',
            ifNull(checking, 0) = 1, 'quality',
            open_parts > 0, 'parts',
            ifNull(quote_waits, 0) = 1, 'approval',
            (completions > 0 OR ifNull(refused, 0) = 1) AND paused = 0 AND ifNull(check_failed, 0) = 0,
                if(ifNull(proven, 0) = 1, 'pickup', 'finishing'),
            diagnoses = 0 AND repairs = 0, 'reception',
            'bay') AS activity,
        type IN ('check_in', 'handoff', 'cancellation') OR diagnosed AS links,
        type = 'quote_decision' AND JSONExtractBool(payload, 'approved') AS approves,
        type = 'part_request' AND JSONExtractString(payload, 'urgency') = 'emergency' AS urgent,
        if(type = 'check_in', JSONExtractString(payload, 'lane'), '') AS lane,
        if(type = 'check_in', JSONExtractRaw(payload, 'odometer_km'), '') AS odometer,
        if(type = 'check_in', JSONExtract(payload, 'odometer_km', 'Nullable(Float64)'), NULL) AS odometer_km,
        toDecimal256OrNull(trim(BOTH '"' FROM multiIf(
            type IN ('quote_decision', 'handoff'), JSONExtractRaw(payload, 'amount'),
            type = 'part_request', JSONExtractRaw(payload, 'unit_price'),
            '')), 20) AS amount,
        toDecimal256OrNull(trim(BOTH '"' FROM
            if(type = 'part_request', JSONExtractRaw(payload, 'quantity'), '')), 20) AS quantity,
        if(diagnosed, JSONExtractString(payload, 'fault_origin'), '') AS fault_origin,
        -- Codes alone: nothing long, no address of mail, no telephone number.
        arrayFilter(code -> lengthUTF8(code) <= 64 AND NOT match(code, {address:String}), multiIf(
            diagnosed, JSONExtract(payload, 'fault_groups', 'Array(String)'),
            type = 'survey', JSONExtract(payload, 'reasons', 'Array(String)'),
            [])) AS codes,
        if(type = 'survey', JSONExtractUInt(payload, 'score'), 0) AS score,
        if(type = 'complaint', JSONExtractString(payload, 'category'), '') AS complaint_text,
        if(lengthUTF8(complaint_text) <= 64 AND NOT match(complaint_text, {address:String}),
            complaint_text, '(free text)') AS category,
        if(type = 'complaint', JSONExtractString(payload, 'severity'), '') AS severity,
        if(type = 'complaint', JSONExtractString(payload, 'complaint_id'), '') AS complaint_id,
        if(type = 'follow_up', JSONExtractString(payload, 'of'), '') AS about
    FROM bounded
),
grouped AS
(
    SELECT
        any(vehicle_key) AS vehicle_key,
        any(center_id) AS center_id,
        any(order_id) AS order_id,
        count() AS event_count,
        countIf(links) AS linking,
        max(ms) AS last_ms,
        countIf(type = 'check_in') > 0 AS has_check_in,
        minIf(ms, type = 'check_in') AS begin_ms,
        argMinIf((customer_key, lane, odometer, odometer_km), n, type = 'check_in') AS arrival,
        countIf(corrects) > 0 AS is_corrected,
        countIf(ends) > 0 AS is_closed,
        maxIf(ms, ends) AS end_ms,
        countIf(ends AND type = 'handoff') > 0 AS is_handoff,
        countIf(type != 'appointment') > 0 AS is_heard_of,
        minIf(ms, type != 'appointment') AS first_ms,
        countIf(late) > 0 AS is_late,
        countIf(late AND type = 'repair' AND phase = 'started') > 0 AS is_started_again,
        minIf(ms, late AND type = 'repair' AND phase = 'started') AS started_again_ms,
        countIf(counts AND type = 'repair') > 0 AS is_repaired,
        countIf(counts AND (fails OR (type = 'repair' AND phase = 'started' AND completed_before))) > 0 AS is_reworked,
        argMaxIf(open_parts, n, counts) > 0 AS has_open_part,
        argMaxIf(later_ms, n, counts AND type = 'check_in') AS last_promise,
        argMaxIf(quote_total, n, counts) AS quoted_amount,
        argMaxIf(tuple(if(approves, coalesce(CAST(amount, 'Nullable(Decimal(76, 40))'), quoted), NULL)), n, counts AND type = 'quote_decision').1
            AS approved_amount,
        anyIf(tuple(amount), ends AND type = 'handoff').1 AS final_amount,
        arraySort(groupUniqArrayArrayIf(codes, counts AND diagnosed)) AS fault_groups,
        argMaxIf(fault_origin, n, counts AND fault_origin != '') AS fault_origin,
        arraySort(job -> job.1, groupArrayIf((n, item, pause_reason), counts AND type = 'repair')) AS jobs,
        arraySort(step -> step.1, groupArrayIf(
            (n, ms, activity, promise, for_expert > 0, for_shift_end > 0),
            counts AND check_ins > 0 AND NOT closes)) AS steps,
        arraySort(part -> part.1, groupArrayIf(
            (n, item, ms, phase, ifNull(part_no, ''), quantity, urgent, later_ms, amount),
            counts AND type = 'part_request')) AS requests,
        arraySort(survey -> survey.1, groupArrayIf((n, event_id, ms, score, codes), type = 'survey')) AS surveys,
        arraySort(complaint -> complaint.1, groupArrayIf(
            (n, event_id, ms, category, severity, if(complaint_id = '', event_id, complaint_id), phase),
            type = 'complaint')) AS complaints,
        arraySort(follow_up -> follow_up.1, groupArrayIf((n, event_id, ms, about, phase), type = 'follow_up'))
            AS follow_ups
    FROM states
    GROUP BY visit
),
-- Where the time went. A stretch of no length is none, but pickup or finishing in the moment of the close; what such
-- a one had parted is one. What is done and goes on with something else was a wait for a bay.
-- (One small step per table: what is named and used again in one SELECT would be worked out again each time.)
listed AS
(
    SELECT
        *,
        arrayMap(step -> step.2, steps) AS times,
        arrayMap(step -> step.3, steps) AS activities,
        if(is_closed, end_ms, last_ms) AS until_ms,
        arrayDistinct(arrayMap(request -> request.2, requests)) AS request_ids,
        arrayDistinct(arrayMap(complaint -> complaint.6, complaints)) AS complaint_ids,
        arraySort(arrayDistinct(arrayFilter(reason -> reason != '', arrayMap(
            id -> arrayLast(job -> job.2 = id, jobs).3, arrayDistinct(arrayMap(job -> job.2, jobs)))))) AS pause_reasons
    FROM grouped
),
changed AS
(
    SELECT
        *,
        activities[-1] IN ('pickup', 'finishing') AS is_done,
        arrayFilter(
            (i, activity, before) -> activity != before,
            arrayEnumerate(activities), activities, arraySlice(arrayPushFront(activities, ''), 1, length(activities))) AS changes,
        arraySlice(arrayPushBack(arrayPopFront(times), until_ms), 1, length(times)) AS nexts,
        arrayMap(id -> arrayFilter(request -> request.2 = id, requests), request_ids) AS parts,
        arrayMap(id -> arrayFilter(complaint -> complaint.6 = id, complaints), complaint_ids) AS matters
    FROM listed
),
stretched AS
(
    SELECT
        *,
        arrayMap(i -> (activities[i], times[i], steps[i].4), changes) AS stretches,
        arrayPushBack(arrayMap(i -> times[i], arrayPopFront(changes)), until_ms) AS stretch_ends
    FROM changed
),
lasting AS
(
    SELECT
        *,
        arrayFilter(
            (stretch, end, k) -> end > stretch.2 OR (k = length(stretches) AND (is_done OR NOT is_closed)),
            stretches, arraySlice(stretch_ends, 1, length(stretches)), arrayEnumerate(stretches)) AS long_stretches
    FROM stretched
),
joined AS
(
    SELECT
        *,
        arrayFilter(
            (stretch, before) -> stretch.1 != before,
            long_stretches,
            arraySlice(arrayPushFront(arrayMap(stretch -> stretch.1, long_stretches), ''), 1, length(long_stretches))) AS whole
    FROM lasting
),
judged AS
(
    SELECT
        *,
        arrayMap(
            (stretch, k) -> multiIf(
                stretch.1 NOT IN ('pickup', 'finishing'), stretch.1,
                k < length(whole) OR NOT is_done, 'bay',
                is_closed, 'pickup',
                stretch.1),
            whole, arrayEnumerate(whole)) AS kinds
    FROM joined
),
staged AS
(
    SELECT
        *,
        arrayFilter(
            (stretch, kind, before) -> kind != before,
            arrayMap((stretch, kind) -> (kind, stretch.2, stretch.3), whole, kinds),
            kinds,
            arraySlice(arrayPushFront(kinds, ''), 1, length(kinds))) AS stages
    FROM judged
),
ended AS
(
    SELECT
        *,
        arrayMap(stage -> stage.1, stages) AS stage_activities,
        arrayMap(stage -> stage.2, stages) AS stage_begins,
        arraySlice(arrayPushBack(arrayMap(stage -> stage.2, arrayPopFront(stages)), until_ms), 1, length(stages))
            AS stage_ends,
        is_done AND stages[-1].1 = 'pickup' AS is_ready
    FROM staged
),
timed AS
(
    SELECT
        *,
        arrayMap(
            name -> arraySum((activity, begins_at, ends_at) -> if(activity = name, ends_at - begins_at, 0),
                stage_activities, stage_begins, stage_ends),
            ['reception', 'approval', 'parts', 'bay', 'repair', 'diagnosis', 'quality', 'pickup', 'finishing']) AS spent,
        arraySum((step, next) -> if(step.3 = 'bay' AND step.5, next - step.2, 0), steps, nexts) AS expert_ms,
        arraySum((step, next) -> if(step.3 = 'bay' AND step.6, next - step.2, 0), steps, nexts) AS shift_end_ms,
        if(has_check_in AND NOT is_closed, stage_activities[-1], NULL) AS activity,
        -- Of what was moved to its right vehicle nothing is shown row by row.
        if(is_corrected, [], stages) AS own_stages,
        if(is_corrected, [], parts) AS own_parts,
        if(is_corrected, [], surveys) AS own_surveys,
        if(is_corrected, [], matters) AS own_matters,
        if(is_corrected, [], follow_ups) AS own_follow_ups
    FROM ended
)
SELECT
    vehicle_key,
    center_id,
    order_id,
    linking,
    has_check_in,
    is_corrected,
    is_handoff AND is_repaired AND NOT is_corrected AS is_judged,
    multiIf(
        is_reworked, 'rework',
        has_open_part, 'open_part',
        is_started_again AND started_again_ms - end_ms <= 30 * 24 * 3600 * 1000, 'reopened',
        '') AS own_cause,
    toDecimal256OrNull(arrival.3, 20) AS odometer,
    if(has_check_in, arrival.1, NULL) AS customer_key,
    if(has_check_in, arrival.2, NULL) AS lane,
    multiIf(is_corrected, 'cancelled', NOT is_closed, 'open', is_handoff, 'handed_off', 'cancelled') AS status,
    activity,
    if(isNull(activity), NULL, instant(stage_begins[-1])) AS activity_since,
    if(isNull(activity), [], pause_reasons) AS paused_for,
    if(has_check_in, instant(begin_ms), NULL) AS checked_in_at,
    multiIf(
        is_ready, instant(stage_begins[-1]),
        is_handoff AND has_check_in, instant(end_ms),
        NULL) AS ready_at,
    if(is_closed, instant(end_ms), NULL) AS closed_at,
    instant(if(is_ready, stages[-1].3, last_promise)) AS promised_at,
    if(has_check_in, arraySum(spent) / 1000, NULL) AS lead_s,
    if(has_check_in, (spent[1] + spent[2] + spent[3] + spent[4]) / 1000, NULL) AS wait_s,
    if(has_check_in, spent[1] / 1000, NULL) AS wait_reception_s,
    if(has_check_in, spent[2] / 1000, NULL) AS wait_approval_s,
    if(has_check_in, spent[3] / 1000, NULL) AS wait_parts_s,
    if(has_check_in, spent[4] / 1000, NULL) AS wait_bay_s,
    if(has_check_in, expert_ms / 1000, NULL) AS bay_expert_s,
    if(has_check_in, shift_end_ms / 1000, NULL) AS bay_shift_end_s,
    if(has_check_in, spent[8] / 1000, NULL) AS pickup_s,
    if(has_check_in, spent[9] / 1000, NULL) AS finishing_s,
    if(has_check_in, (spent[5] + spent[6] + spent[7]) / 1000, NULL) AS touch_s,
    if(has_check_in, spent[5] / 1000, NULL) AS repair_s,
    if(has_check_in, spent[6] / 1000, NULL) AS diagnosis_s,
    if(has_check_in, spent[7] / 1000, NULL) AS quality_s,
    length(parts) AS part_requests,
    arrayCount(part -> arrayExists(request -> request.4 = 'backordered', part), parts) AS stockouts,
    arrayCount(part -> arrayExists(request -> request.7, part), parts) AS emergencies,
    CAST(roundBankers(quoted_amount, 4), 'Nullable(Decimal(38, 4))') AS quoted_amount,
    CAST(roundBankers(approved_amount, 4), 'Nullable(Decimal(38, 4))') AS approved_amount,
    CAST(roundBankers(final_amount, 4), 'Nullable(Decimal(18, 4))') AS final_amount,
    fault_groups,
    nullIf(fault_origin, '') AS fault_origin,
    if(has_check_in, arrival.4, NULL) AS odometer_km,
    if(empty(surveys), NULL, surveys[-1].4) AS score,
    surveys[-1].5 AS survey_reasons,
    length(matters) AS complaints,
    event_count,
    arrayConcat(
        if(is_late, ['activity_after_close'], []),
        if(NOT has_check_in AND is_heard_of, ['missing_check_in'], []),
        if(has_check_in AND first_ms < begin_ms, ['negative_gap'], []),
        if(is_corrected, ['vehicle_corrected'], [])) AS anomalies,
    instant(last_ms) AS last_event_at,
    arrayMap(stage -> stage.1, own_stages) AS `stages.activity`,
    arrayMap(stage -> instant(stage.2), own_stages) AS `stages.started_at`,
    arrayMap(
        (stage, end, k) -> if(k = length(stages) AND NOT is_closed, NULL, instant(end)),
        own_stages, arraySlice(stage_ends, 1, length(own_stages)), arrayEnumerate(own_stages)) AS `stages.ended_at`,
    arrayMap(part -> part[1].2, own_parts) AS `parts.request_id`,
    arrayMap(part -> part[-1].5, own_parts) AS `parts.part_no`,
    arrayMap(part -> CAST(roundBankers(part[-1].6, 4), 'Decimal(18, 4)'), own_parts) AS `parts.quantity`,
    arrayMap(part -> CAST(arrayExists(request -> request.7, part), 'Bool'), own_parts) AS `parts.emergency`,
    arrayMap(part -> reached(part, 'requested'), own_parts) AS `parts.requested_at`,
    arrayMap(part -> reached(part, 'backordered'), own_parts) AS `parts.backordered_at`,
    arrayMap(part -> reached(part, 'fulfilled'), own_parts) AS `parts.fulfilled_at`,
    arrayMap(part -> reached(part, 'cancelled'), own_parts) AS `parts.cancelled_at`,
    arrayMap(part -> instant(arrayLast(request -> isNotNull(request.8), part).8), own_parts) AS `parts.expected_at`,
    arrayMap(
        part -> CAST(roundBankers(arrayLast(request -> isNotNull(request.9), part).9, 4), 'Nullable(Decimal(18, 4))'),
        own_parts) AS `parts.unit_price`,
    arrayMap(survey -> survey.2, own_surveys) AS `surveys.event_id`,
    arrayMap(survey -> instant(survey.3), own_surveys) AS `surveys.answered_at`,
    arrayMap(survey -> survey.4, own_surveys) AS `surveys.score`,
    arrayMap(survey -> survey.5, own_surveys) AS `surveys.reasons`,
    arrayMap(matter -> matter[1].2, own_matters) AS `complaint_list.event_id`,
    arrayMap(matter -> instant(matter[1].3), own_matters) AS `complaint_list.complained_at`,
    arrayMap(matter -> matter[-1].4, own_matters) AS `complaint_list.category`,
    arrayMap(matter -> nullIf(arrayLast(complaint -> complaint.5 != '', matter).5, ''), own_matters)
        AS `complaint_list.severity`,
    arrayMap(matter -> matter[1].6, own_matters) AS `complaint_list.complaint_id`,
    arrayMap(matter -> arrayMap(complaint -> complaint.7, matter), own_matters) AS `complaint_list.phases`,
    arrayMap(matter -> arrayMap(complaint -> instant(complaint.3), matter), own_matters) AS `complaint_list.reached_at`,
    arrayMap(follow_up -> follow_up.2, own_follow_ups) AS `follow_ups.event_id`,
    arrayMap(follow_up -> instant(follow_up.3), own_follow_ups) AS `follow_ups.followed_up_at`,
    arrayMap(follow_up -> follow_up.4, own_follow_ups) AS `follow_ups.of`,
    arrayMap(follow_up -> follow_up.5, own_follow_ups) AS `follow_ups.phase`
FROM timed
