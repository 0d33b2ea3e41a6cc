-- user: mailbox username = 'joe@example.org'
-- changes: password passwordlastchange
-- then: password LIKE '{SSHA512}%' AND passwordlastchange >= now()::timestamp - interval '5 minutes'
-- unknown: Mix@Example.org
-- accepted: imaponly@example.org
-- refused: blocked@example.org joe@closed.example joe@missing.example noprotocol@example.org
CREATE TABLE domain (
    domain VARCHAR(255) NOT NULL DEFAULT '' PRIMARY KEY,
    backupmx INT2 NOT NULL DEFAULT 0,
    active INT2 NOT NULL DEFAULT 1
);
CREATE TABLE mailbox (
    username VARCHAR(255) NOT NULL DEFAULT '' PRIMARY KEY,
    password VARCHAR(255) NOT NULL DEFAULT '',
    name VARCHAR(255) NOT NULL DEFAULT '',
    maildir VARCHAR(255) NOT NULL DEFAULT '',
    domain VARCHAR(255) NOT NULL DEFAULT '',
    enablesmtp INT2 NOT NULL DEFAULT 1,
    enablesmtpsecured INT2 NOT NULL DEFAULT 1,
    enablepop3 INT2 NOT NULL DEFAULT 1,
    enablepop3secured INT2 NOT NULL DEFAULT 1,
    enableimap INT2 NOT NULL DEFAULT 1,
    enableimapsecured INT2 NOT NULL DEFAULT 1,
    enabledeliver INT2 NOT NULL DEFAULT 1,
    passwordlastchange TIMESTAMP WITHOUT TIME ZONE NOT NULL DEFAULT '1970-01-01 01:01:01',
    modified TIMESTAMP WITHOUT TIME ZONE NOT NULL DEFAULT '1970-01-01 01:01:01',
    expired TIMESTAMP WITHOUT TIME ZONE NOT NULL DEFAULT '9999-12-31 00:00:00',
    active INT2 NOT NULL DEFAULT 1
);
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
