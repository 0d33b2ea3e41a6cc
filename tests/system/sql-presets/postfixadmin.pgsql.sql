-- user: mailbox username = 'joe@example.org'
-- changes: password modified password_expiry
-- then: password LIKE '$6$%' AND modified >= now() - interval '5 minutes' AND
-- then: password_expiry BETWEEN now() + interval '89 days' AND now() + interval '91 days'
-- accepted: forever@never.example
-- refused: blocked@example.org
-- unknown: Mix@Example.org
-- expired: old@example.org
-- finally: SELECT password_expiry < '2001-01-01' FROM mailbox WHERE username LIKE 'forever@%'
CREATE TABLE domain (
    domain varchar(255) NOT NULL PRIMARY KEY,
    description varchar(255) NOT NULL DEFAULT '',
    active boolean NOT NULL DEFAULT true,
    password_expiry int DEFAULT 0
);
CREATE TABLE mailbox (
    username varchar(255) NOT NULL PRIMARY KEY,
    password varchar(255) NOT NULL DEFAULT '',
    name varchar(255) NOT NULL DEFAULT '',
    maildir varchar(255) NOT NULL DEFAULT '',
    quota bigint NOT NULL DEFAULT 0,
    local_part varchar(255) NOT NULL DEFAULT '',
    domain varchar(255) REFERENCES domain,
    created timestamp with time zone DEFAULT now(),
    modified timestamp with time zone DEFAULT '2000-01-01',
    active boolean NOT NULL DEFAULT true,
    phone varchar(30) NOT NULL DEFAULT '',
    email_other varchar(255) NOT NULL DEFAULT '',
    token varchar(255) NOT NULL DEFAULT '',
    token_validity timestamp with time zone DEFAULT '2000-01-01',
    password_expiry timestamp with time zone DEFAULT '2000-01-01'
);
INSERT INTO domain (domain, password_expiry) VALUES ('example.org', 90), ('never.example', 0);
INSERT INTO mailbox (username, password, domain, active, password_expiry) VALUES
    ('joe@example.org', '@CRYPT@', 'example.org', true, now() + interval '1 day'),
    ('ann@example.org', '@CRYPT_ANN@', 'example.org', true, now() + interval '1 day'),
    ('Mix@Example.org', '@BCRYPT@', 'example.org', true, now() + interval '1 day'),
    ('forever@never.example', '@MD5CRYPT@', 'never.example', true, '2000-01-01'),
    ('blocked@example.org', '@CRYPT@', 'example.org', false, now() + interval '1 day'),
    ('old@example.org', '@CRYPT@', 'example.org', true, now() - interval '1 day');
