/* What the service answers; docs/management.md and /api/v1/openapi.json say what each field means. */

export interface Me {
  user: string;
  tenant: string;
  roles: string[];
  /** What may be done, each with the queues it may be done to; null: all. */
  actions: Record<string, string[] | null>;
}

export interface Callback {
  id: string;
  service: string;
  state: string;
  reason: string | null;
  number: string;
  desired: string;
  created: string;
  updated: string;
  due: string | null;
  priority: number;
  attempt: number;
  dials: number;
  last_result: string | null;
  customer_zone: string;
}

export interface CallbackPage {
  items: Callback[];
  next: string | null;
  total: number;
  capped: boolean;
}

export interface Step {
  at: string;
  state: string;
  reason: string | null;
  attempt: number;
  dialled: boolean;
  result: string | null;
  agent: string;
  due: string | null;
}

export interface CallbackWhole {
  callback: Callback;
  position: number | null;
  ewt: number | null;
  expires: string;
  agent: string;
  timezone: string;
  user_data: Record<string, unknown>;
  history: Step[];
}

export interface Queue {
  service: string;
  queue: string;
  ewt: number | null;
  calls: number | null;
  agents_logged_in: number | null;
  agents_ready: number | null;
  queued: number;
  scheduled: number;
  open: boolean;
  closes: string | null;
  opens: string | null;
  hours: string;
  capacity_rule: string;
  number_rule: string;
  takes_immediate: boolean;
  takes_scheduled: boolean;
}

export interface SettingsRow {
  properties: Record<string, string>;
  version: number;
}

export interface Agent {
  id: string;
  state: string;
  since: string;
  device: string;
  reason: string;
  status: string;
  queues: string[];
  groups: string[];
}

export interface Hour {
  hour: string;
  dialled: number;
  answered: number;
  connected: number;
  abandoned: number;
  busy: number;
  no_answer: number;
  other: number;
}

export interface Campaign {
  name: string;
  state: string;
  reason: string;
  mode: string;
  ratio: number;
  lists: string[];
  answered: number;
  abandoned: number;
  abandon_cap: number;
  waiting: number;
  dialling: number;
  done: number;
  results: Record<string, number>;
  next: string | null;
  why: string;
  ready: number;
  under_way: number;
  per_minute: number;
  hours: Hour[];
}

export interface CampaignsPage {
  at: string;
  items: Campaign[];
}

/** The status page's picture; a part is null while the service that knows it is away. Times are seconds of the epoch. */
export interface Picture {
  at: number;
  tenant: string;
  services:
    | {
        name: string;
        node: string;
        at: number;
        started: number;
        ready: boolean;
        checks: Record<string, boolean>;
        listeners: Record<string, string>;
      }[]
    | null;
  connections:
    | {
        id: string;
        source: string;
        destination: string;
        protocol: string;
        port: string;
        built: boolean;
        messages: number;
      }[]
    | null;
  queues:
    | {
        queue: string;
        waiting: number;
        callbacks: number;
        ewt: number;
        longest_wait: number;
        agents_ready: number;
        agents_logged_in: number;
      }[]
    | null;
  agents: { agent_id: string; dn?: string; state: string; reason?: string; since: number }[] | null;
  calls:
    | {
        conn_id: string;
        ani?: string;
        dnis?: string;
        state: string;
        started: number;
        agent_id?: string;
        queue?: string;
      }[]
    | null;
  callbacks:
    | {
        id: string;
        service: string;
        number: string;
        state: string;
        reason: string;
        attempt: number;
        dials: number;
        last_result: string;
        arrived_at: number;
        due_at: number | null;
        updated_at: number;
        agent_id: string;
      }[]
    | null;
}

/** Of a queue over a time; null: nobody knows. */
export interface Counted {
  service_level: number | null;
  rated: number | null;
  answered: number | null;
  abandoned: number | null;
  callbacks: number | null;
}

export interface WallboardQueue {
  queue: string;
  services: string[];
  calls: number | null;
  callbacks: number;
  longest_wait: number | null;
  expected: number | null;
  p50: number | null;
  p90: number | null;
  agents_ready: number;
  agents_busy: number;
  agents_not_ready: number;
  today: Counted;
  recent: Counted;
  average_wait: number | null;
  average_callback_wait: number | null;
}

export interface Wallboard {
  at: string;
  since: string | null;
  recent_s: number;
  queues: WallboardQueue[];
  agents: { logged_in: number; ready: number; reserved: number; busy: number; not_ready: number } | null;
}

export interface Customer {
  list: string;
  key: string;
  number: string;
  state: string;
  due: string | null;
  dials: number;
  result: string;
  reason: string;
  outcome: string;
  agent: string;
  at: string | null;
  call_at: string | null;
}

export interface Customers {
  items: Customer[];
  next: { list: string; key: string } | null;
  outcomes: Record<string, number> | null;
}
