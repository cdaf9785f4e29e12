/**
 * React hooks of the client: the user's notifications, and their number for a badge.
 *
 * ```tsx ignore
 * <WssProvider url="wss://example.com/web" token={() => session.token}>
 *   <Inbox />
 * </WssProvider>
 * ```
 *
 * @module
 */
"use client";

export { useWss, WssProvider } from "./provider.ts";
export type { WssProviderProps } from "./provider.ts";
export { useNotifications } from "./use_notifications.ts";
export type { Notifications } from "./use_notifications.ts";
export type { NotificationsWhere } from "./notifications.ts";
export type { Reading } from "./items.ts";
export { useUnread } from "./use_unread.ts";
export type { UnreadWhere } from "./use_unread.ts";
