-- user: core_user email = 'joe@example.org'
-- changes: password
-- then: password LIKE '{SHA512-CRYPT}$6$%'
-- unknown: Mix@Example.org ldap@example.org
-- refused: blocked@example.org joe@closed.example admin@example.org
CREATE TABLE core_user (
    id serial PRIMARY KEY,
    username varchar(254) NOT NULL UNIQUE,
    email varchar(254) NOT NULL,
    is_superuser boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL,
    is_local boolean NOT NULL,
    password varchar(256) NOT NULL
);
CREATE TABLE admin_domain (
    id serial PRIMARY KEY,
    name varchar(100) NOT NULL UNIQUE,
    enabled boolean NOT NULL
);
CREATE TABLE admin_mailbox (
    id serial PRIMARY KEY,
    address varchar(252) NOT NULL,
    domain_id int NOT NULL REFERENCES admin_domain (id),
    user_id int NOT NULL UNIQUE REFERENCES core_user (id)
);
INSERT INTO admin_domain (name, enabled) VALUES ('example.org', true), ('closed.example', false);
INSERT INTO core_user (id, username, email, is_active, is_local, password) VALUES
    (1, 'joe@example.org', 'joe@example.org', true, true, '{SHA512-CRYPT}@CRYPT@'),
    (2, 'ann@example.org', 'ann@example.org', true, true, '{SHA512-CRYPT}@CRYPT_ANN@'),
    (3, 'Mix@Example.org', 'Mix@Example.org', true, true, '{SHA512-CRYPT}@CRYPT@'),
    (4, 'blocked@example.org', 'blocked@example.org', false, true, '{SHA512-CRYPT}@CRYPT@'),
    (5, 'joe@closed.example', 'joe@closed.example', true, true, '{SHA512-CRYPT}@CRYPT@'),
    (6, 'ldap@example.org', 'ldap@example.org', true, false, '{SHA512-CRYPT}@CRYPT@'),
    (7, 'admin', 'admin@example.org', true, true, '{SHA512-CRYPT}@CRYPT@');
INSERT INTO admin_mailbox (address, domain_id, user_id) VALUES
    ('joe', 1, 1), ('ann', 1, 2), ('Mix', 1, 3), ('blocked', 1, 4), ('joe', 2, 5), ('ldap', 1, 6);
