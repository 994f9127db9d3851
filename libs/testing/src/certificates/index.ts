export { certificateAuthority, type CertificateAuthority, type IssuedCertificate } from './certificate-authority.js';
