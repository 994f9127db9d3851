/** Injection tokens of the module. */
export const SUMMARY_READER = Symbol('SUMMARY_READER');
export const LIVE_SUMMARIES = Symbol('LIVE_SUMMARIES');
export const LIVE_PLACES = Symbol('LIVE_PLACES');
export const PICTURE_GALLERY = Symbol('PICTURE_GALLERY');
export const FEEDBACK_DESK = Symbol('FEEDBACK_DESK');
export const PAGE_FILES = Symbol('PAGE_FILES');
export const REVIEW_DESK = Symbol('REVIEW_DESK');
export const DECISION_DOOR = Symbol('DECISION_DOOR');
export const EVENTS_DESK = Symbol('EVENTS_DESK');
export const ISSUER_SIGN_IN = Symbol('ISSUER_SIGN_IN');
export const IDENTITIES = Symbol('IDENTITIES');
export const TRUSTED_PROXIES = Symbol('TRUSTED_PROXIES');
