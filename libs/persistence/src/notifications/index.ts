export {
  createNotificationStore,
  type ClaimedNotification,
  type NewNotification,
  type NotificationStore,
} from './notification-store.js';
