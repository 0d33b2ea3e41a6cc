-- user: mailbox username = 'joe@example.org'
-- changes: password passwordlastchange
-- then: password LIKE '{SSHA512}%' AND passwordlastchange >= NOW() - INTERVAL 5 MINUTE
-- accepted: Mix@Example.org mix@example.org
-- accepted: imaponly@example.org
-- refused: blocked@example.org joe@closed.example joe@missing.example noprotocol@example.org
CREATE TABLE domain (
    domain VARCHAR(255) NOT NULL DEFAULT '' PRIMARY KEY,
    backupmx TINYINT(1) NOT NULL DEFAULT 0,
    active TINYINT(1) NOT NULL DEFAULT 1
) ENGINE=InnoDB;
CREATE TABLE mailbox (
    username VARCHAR(255) NOT NULL DEFAULT '' PRIMARY KEY,
    password VARCHAR(255) NOT NULL DEFAULT '',
    name VARCHAR(255) NOT NULL DEFAULT '',
    maildir VARCHAR(255) NOT NULL DEFAULT '',
    domain VARCHAR(255) NOT NULL DEFAULT '',
    enablesmtp TINYINT(1) NOT NULL DEFAULT 1,
    enablesmtpsecured TINYINT(1) NOT NULL DEFAULT 1,
    enablepop3 TINYINT(1) NOT NULL DEFAULT 1,
    enablepop3secured TINYINT(1) NOT NULL DEFAULT 1,
    enableimap TINYINT(1) NOT NULL DEFAULT 1,
    enableimapsecured TINYINT(1) NOT NULL DEFAULT 1,
    enabledeliver TINYINT(1) NOT NULL DEFAULT 1,
    passwordlastchange DATETIME NOT NULL DEFAULT '1970-01-01 01:01:01',
    modified DATETIME NOT NULL DEFAULT '1970-01-01 01:01:01',
    expired DATETIME NOT NULL DEFAULT '9999-12-31 00:00:00',
    active TINYINT(1) NOT NULL DEFAULT 1
) ENGINE=InnoDB;
INSERT INTO domain (domain, active) VALUES ('example.org', 1), ('closed.example', 0);
INSERT INTO mailbox (username, password, domain) VALUES
    ('joe@example.org', '@SSHA512@', 'example.org'),
    ('ann@example.org', '@SSHA512_ANN@', 'example.org'),
    ('Mix@Example.org', '{CRYPT}@BCRYPT@', 'example.org'),
    ('blocked@example.org', '@SSHA512@', 'example.org'),
    ('imaponly@example.org', '@SSHA512@', 'example.org'),
    ('noprotocol@example.org', '@SSHA512@', 'example.org'),
    ('joe@closed.example', '@SSHA512@', 'closed.example'),
    ('joe@missing.example', '@SSHA512@', 'missing.example');
UPDATE mailbox SET active = 0 WHERE username = 'blocked@example.org';
UPDATE mailbox SET enablesmtp = 0, enablesmtpsecured = 0, enablepop3 = 0, enablepop3secured = 0,
    enableimap = 0 WHERE username IN ('imaponly@example.org', 'noprotocol@example.org');
UPDATE mailbox SET enableimapsecured = 0 WHERE username = 'noprotocol@example.org';
