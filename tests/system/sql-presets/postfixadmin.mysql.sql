-- user: mailbox username = 'joe@example.org'
-- changes: password modified password_expiry
-- then: password LIKE '$6$%' AND modified >= NOW() - INTERVAL 5 MINUTE AND
-- then: password_expiry BETWEEN NOW() + INTERVAL 89 DAY AND NOW() + INTERVAL 91 DAY
-- accepted: Mix@Example.org mix@example.org forever@never.example
-- refused: blocked@example.org
-- expired: old@example.org
-- finally: SELECT password_expiry < '2001-01-01' FROM mailbox WHERE username LIKE 'forever@%'
CREATE TABLE domain (
    domain varchar(255) NOT NULL PRIMARY KEY,
    description varchar(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
    active tinyint(1) NOT NULL DEFAULT 1,
    password_expiry int DEFAULT 0
) CHARACTER SET latin1 COLLATE latin1_general_ci;
CREATE TABLE mailbox (
    username varchar(255) NOT NULL PRIMARY KEY,
    password varchar(255) NOT NULL,
    name varchar(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
    maildir varchar(255) NOT NULL DEFAULT '',
    quota bigint NOT NULL DEFAULT 0,
    local_part varchar(255) NOT NULL DEFAULT '',
    domain varchar(255) NOT NULL,
    created datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
    modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
    active tinyint(1) NOT NULL DEFAULT 1,
    phone varchar(30) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
    email_other varchar(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
    token varchar(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
    token_validity datetime NOT NULL DEFAULT '2000-01-01 00:00:00',
    password_expiry datetime NOT NULL DEFAULT '2000-01-01 00:00:00'
) CHARACTER SET latin1 COLLATE latin1_general_ci;
INSERT INTO domain (domain, password_expiry) VALUES ('example.org', 90), ('never.example', 0);
INSERT INTO mailbox (username, password, domain, active, password_expiry) VALUES
    ('joe@example.org', '@CRYPT@', 'example.org', 1, NOW() + INTERVAL 1 DAY),
    ('ann@example.org', '@CRYPT_ANN@', 'example.org', 1, NOW() + INTERVAL 1 DAY),
    ('Mix@Example.org', '@BCRYPT@', 'example.org', 1, NOW() + INTERVAL 1 DAY),
    ('forever@never.example', '@MD5CRYPT@', 'never.example', 1, '2000-01-01'),
    ('blocked@example.org', '@CRYPT@', 'example.org', 0, NOW() + INTERVAL 1 DAY),
    ('old@example.org', '@CRYPT@', 'example.org', 1, NOW() - INTERVAL 1 DAY);
