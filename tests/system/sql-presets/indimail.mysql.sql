-- user: indimail pw_name = 'joe' AND pw_domain = 'example.org'
-- changes: pw_passwd scram timestamp
-- then: pw_passwd LIKE '$6$%' AND scram IS NULL
-- accepted: Mix@Example.org mix@example.org nopop@example.org
-- refused: blocked@example.org nologin@example.org
CREATE TABLE indimail (
    pw_name char(40) NOT NULL,
    pw_domain char(67) NOT NULL,
    pw_passwd char(128) NOT NULL,
    pw_uid int,
    pw_gid int,
    pw_gecos char(48) NOT NULL,
    pw_dir char(156),
    pw_shell char(30),
    scram char(255),
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP NOT NULL,
    PRIMARY KEY (pw_name, pw_domain)
);
INSERT INTO indimail (pw_name, pw_domain, pw_passwd, pw_uid, pw_gid, pw_gecos, scram) VALUES
    ('joe', 'example.org', '@CRYPT@', 0, 0, 'Joe', '{SCRAM-SHA-256}4096,c2FsdA==,AAAA,BBBB'),
    ('joe', 'other.example', '@CRYPT_ANN@', 0, 0, 'Joe', '{SCRAM-SHA-256}4096,c2FsdA==,AAAA,BBBB'),
    ('ann', 'example.org', '@CRYPT_ANN@', 0, 0, 'Ann', '{SCRAM-SHA-256}4096,c2FsdA==,AAAA,BBBB'),
    ('Mix', 'Example.org', '@MD5CRYPT@', 0, 0, 'Mix', NULL),
    ('nopop', 'example.org', '@CRYPT@', 0, 2, 'No POP', NULL),
    ('blocked', 'example.org', '@CRYPT@', 0, 1, 'No change', NULL),
    ('nologin', 'example.org', '@CRYPT@', 0, 526, 'No login', NULL);
