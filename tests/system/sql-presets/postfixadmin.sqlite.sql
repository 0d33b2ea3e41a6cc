-- user: mailbox username = 'joe@example.org'
-- changes: password modified password_expiry
-- then: password LIKE '$6$%' AND modified >= datetime('now', 'localtime', '-5 minutes') AND
-- then: password_expiry BETWEEN datetime('now', '89 days') AND datetime('now', '91 days')
-- accepted: forever@never.example
-- refused: blocked@example.org
-- unknown: Mix@Example.org
-- expired: old@example.org
-- finally: SELECT password_expiry < '2001-01-01' FROM mailbox WHERE username LIKE 'forever@%'
CREATE TABLE domain (
    domain varchar(255) NOT NULL PRIMARY KEY,
    description varchar(255) NOT NULL,
    active tinyint(1) NOT NULL DEFAULT '1',
    password_expiry int DEFAULT 0
);
CREATE TABLE mailbox (
    username varchar(255) NOT NULL PRIMARY KEY,
    password varchar(255) NOT NULL,
    name varchar(255) NOT NULL DEFAULT '',
    maildir varchar(255) NOT NULL DEFAULT '',
    quota bigint(20) NOT NULL DEFAULT 0,
    local_part varchar(255) NOT NULL DEFAULT '',
    domain varchar(255) NOT NULL,
    created datetime NOT NULL DEFAULT '2000-01-01',
    modified datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT '1',
    phone varchar(30) NOT NULL DEFAULT '',
    email_other varchar(255) NOT NULL DEFAULT '',
    token varchar(255) NOT NULL DEFAULT '',
    token_validity datetime NOT NULL DEFAULT '2000-01-01',
    password_expiry datetime NOT NULL DEFAULT '2000-01-01'
);
INSERT INTO domain (domain, description, password_expiry)
    VALUES ('example.org', '', 90), ('never.example', '', 0);
INSERT INTO mailbox (username, password, domain, active, password_expiry) VALUES
    ('joe@example.org', '@CRYPT@', 'example.org', 1, datetime('now', '2 days')),
    ('ann@example.org', '@CRYPT_ANN@', 'example.org', 1, datetime('now', '2 days')),
    ('Mix@Example.org', '@BCRYPT@', 'example.org', 1, datetime('now', '2 days')),
    ('forever@never.example', '@MD5CRYPT@', 'never.example', 1, '2000-01-01'),
    ('blocked@example.org', '@CRYPT@', 'example.org', 0, datetime('now', '2 days')),
    ('old@example.org', '@CRYPT@', 'example.org', 1, datetime('now', '-2 days'));
