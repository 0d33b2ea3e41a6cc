-- user: mail_user email = 'joe@example.org'
-- changes: password
-- then: password LIKE '$6$%'
-- accepted: Mix@Example.org mix@example.org imaponly@example.org annslogin2
-- refused: blocked@example.org
CREATE TABLE mail_user (
    mailuser_id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    server_id int(11) unsigned NOT NULL DEFAULT '1',
    email varchar(255) NOT NULL DEFAULT '',
    login varchar(255) NOT NULL DEFAULT '',
    password varchar(255) NOT NULL DEFAULT '',
    name varchar(255) NOT NULL DEFAULT '',
    uid int(11) NOT NULL DEFAULT '5000',
    gid int(11) NOT NULL DEFAULT '5000',
    maildir varchar(255) NOT NULL DEFAULT '',
    postfix enum('n','y') NOT NULL DEFAULT 'y',
    access enum('n','y') NOT NULL DEFAULT 'y',
    disableimap enum('n','y') NOT NULL DEFAULT 'n',
    disablepop3 enum('n','y') NOT NULL DEFAULT 'n',
    disabledeliver enum('n','y') NOT NULL DEFAULT 'n',
    disablesmtp enum('n','y') NOT NULL DEFAULT 'n',
    KEY server_id (server_id, email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;
INSERT INTO mail_user (email, login, password, disableimap, disablepop3, disablesmtp) VALUES
    ('joe@example.org', 'joe@example.org', '@CRYPT@', 'n', 'n', 'n'),
    ('ann@example.org', 'annslogin', '@CRYPT_ANN@', 'n', 'n', 'n'),
    ('ann2@example.org', 'annslogin2', '@CRYPT@', 'n', 'n', 'n'),
    ('Mix@Example.org', 'Mix@Example.org', '@MD5CRYPT@', 'n', 'n', 'n'),
    ('imaponly@example.org', 'imaponly@example.org', '@CRYPT@', 'n', 'y', 'y'),
    ('blocked@example.org', 'blocked@example.org', '@CRYPT@', 'y', 'y', 'y');
