export {
  aMailServer,
  type MailMoment,
  type Misbehaviour,
  type TakenMail,
  type TestMailServer,
} from './a-mail-server.js';
