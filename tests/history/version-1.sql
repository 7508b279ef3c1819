-- A file as the first netcheck wrote it. It is never changed: what comes later must read it.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1852142699;
PRAGMA user_version = 1;
BEGIN;
CREATE TABLE spans (
    path TEXT, role TEXT, began REAL, seen REAL, ended REAL, verdict TEXT, cause TEXT, hop TEXT,
    is_expected INTEGER, summary TEXT, evidence TEXT, next_step TEXT, transcript TEXT,
    PRIMARY KEY (path, role, began)
);
INSERT INTO spans VALUES ('direct', 'device', 1790000000.0, 1790000100.0, 1790000100.0, 'ready', NULL, NULL,
    1, '', '[]', NULL, '');
INSERT INTO spans VALUES ('direct', 'device', 1790000100.0, 1790000200.5, 1790000200.5, 'fallback_only',
    'port_blocked', 'firewall', 0, 'Port 5223 is blocked.', '["Nothing answers \u2013 nowhere", "0 of 51"]',
    'Ask the owners of the firewall.', 'connect   1.5 s
    timeout');
INSERT INTO spans VALUES ('web-proxy', 'provider', 1790000150.0, 1790000250.0, NULL, 'not_ready',
    'proxy_down', 'proxy', 0, 'The proxy does not work.', '["connect refused"]', 'Ask the owners of the proxy.', '');
COMMIT;
