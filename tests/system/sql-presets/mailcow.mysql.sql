-- user: mailbox username = 'joe@example.org'
-- changes: password attributes modified
-- then: password LIKE '{BLF-CRYPT}$2y$12$%' AND
-- then: JSON_VALUE(attributes, '$.force_pw_update') = '0' AND
-- then: JSON_VALUE(attributes, '$.passwd_update') >= NOW() - INTERVAL 5 MINUTE AND
-- then: JSON_VALUE(attributes, '$.sogo_access') = '1'
-- accepted: Mix@Example.org mix@example.org bare@example.org
-- refused: blocked@example.org nologin@example.org joe@closed.example
-- expired: old@example.org
-- unknown: ldap@example.org room@example.org
CREATE TABLE domain (
    domain VARCHAR(255) NOT NULL PRIMARY KEY,
    description VARCHAR(255),
    active TINYINT(1) NOT NULL DEFAULT '1'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DYNAMIC;
CREATE TABLE mailbox (
    username VARCHAR(255) NOT NULL PRIMARY KEY,
    password VARCHAR(255) NOT NULL,
    name VARCHAR(255),
    local_part VARCHAR(255) NOT NULL DEFAULT '',
    domain VARCHAR(255) NOT NULL,
    attributes JSON,
    custom_attributes JSON NOT NULL DEFAULT ('{}'),
    kind VARCHAR(100) NOT NULL DEFAULT '',
    multiple_bookings INT NOT NULL DEFAULT -1,
    authsource ENUM('mailcow', 'keycloak', 'generic-oidc', 'ldap') DEFAULT 'mailcow',
    created DATETIME(0) NOT NULL DEFAULT NOW(0),
    modified DATETIME ON UPDATE CURRENT_TIMESTAMP,
    active TINYINT(1) NOT NULL DEFAULT '1'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DYNAMIC;
INSERT INTO domain (domain, active) VALUES ('example.org', 1), ('closed.example', 0);
SET @attributes = '{"force_pw_update":"0","sogo_access":"1","imap_access":"1"}';
INSERT INTO mailbox (username, password, domain, attributes, active, authsource, kind) VALUES
    ('joe@example.org', '{BLF-CRYPT}@BCRYPT@', 'example.org', @attributes, 1, 'mailcow', ''),
    ('ann@example.org', '{BLF-CRYPT}@BCRYPT_ANN@', 'example.org', @attributes, 1, 'mailcow', ''),
    ('Mix@Example.org', '@SSHA512@', 'example.org', @attributes, 1, 'mailcow', ''),
    ('bare@example.org', '@SSHA512@', 'example.org', '{}', 1, 'mailcow', ''),
    ('blocked@example.org', '{BLF-CRYPT}@BCRYPT@', 'example.org', @attributes, 0, 'mailcow', ''),
    ('nologin@example.org', '{BLF-CRYPT}@BCRYPT@', 'example.org', @attributes, 2, 'mailcow', ''),
    ('joe@closed.example', '{BLF-CRYPT}@BCRYPT@', 'closed.example', @attributes, 1, 'mailcow', ''),
    ('ldap@example.org', '{BLF-CRYPT}@BCRYPT@', 'example.org', @attributes, 1, 'ldap', ''),
    ('room@example.org', '{BLF-CRYPT}@BCRYPT@', 'example.org', @attributes, 1, 'mailcow', 'location'),
    ('old@example.org', '{BLF-CRYPT}@BCRYPT@', 'example.org',
        JSON_SET(@attributes, '$.force_pw_update', '1'), 1, 'mailcow', '');
