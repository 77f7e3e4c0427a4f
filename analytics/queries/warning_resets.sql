-- When did somebody take care of a quality warning, and what was it about?
SELECT subject, assumeNotNull(a.acknowledged_at) AS acknowledged_at
FROM alerts AS a
WHERE kind = 'quality_warning' AND isNotNull(a.acknowledged_at)
ORDER BY subject, acknowledged_at
