import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { unusedPort } from '../processes/index.js';

/** Where nginx is installed; undefined: it is not. */
export const NGINX = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx'].find((path) =>
  existsSync(path),
);

/** What a unit was answered. */
export interface AnsweredUnit {
  readonly unit: string;
  readonly body: string;
}

export interface RunningNginx {
  /** The file of weights that it includes. */
  readonly file: string;
  /** What a router's file of weights says of it. */
  readonly weights: Readonly<Record<string, string>>;
  ask(unit: string): Promise<{ readonly body: string; readonly assignment: string }>;
  /** So many units, one after the other. */
  askAll(units: number): Promise<readonly AnsweredUnit[]>;
  reload(): void;
  close(): Promise<void>;
}

/** A real nginx whose weights for `text-to-image` a router keeps. @param folder in which it has one of its own */
export async function startNginx(folder: string): Promise<RunningNginx> {
  const own = mkdtempSync(join(folder, 'nginx-'));
  const [port, probe] = [await unusedPort(), await unusedPort()];
  const [file, log, pid] = ['weights.conf', 'access.log', 'nginx.pid'].map((name) => join(own, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    file,
    'map "" $teststrip_text_to_image_upstream { default http://127.0.0.1:9; }\nmap "" $teststrip_text_to_image_assignment { default ""; }\nlog_format teststrip_text_to_image "";\n',
  );
  writeFileSync(join(own, 'nginx.conf'), configuration({ own, file, log, pid, port }));
  const child = spawn(NGINX as string, ['-p', own, '-c', join(own, 'nginx.conf')], { stdio: 'inherit' });
  while (!existsSync(pid) || !/\d/.test(readFileSync(pid, 'utf8'))) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const ask: RunningNginx['ask'] = (unit) => post(port, unit);
  return {
    file,
    weights: { service: 'text-to-image', file, probe: `127.0.0.1:${probe}`, pid, accessLog: log },
    ask,
    async askAll(units) {
      const asked: AnsweredUnit[] = [];
      for (let index = 0; index < units; index++) {
        const unit = `user-${index}`;
        asked.push({ unit, body: (await ask(unit)).body });
      }
      return asked;
    },
    reload: () => void process.kill(Number(readFileSync(pid, 'utf8')), 'SIGHUP'),
    async close() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

interface Places {
  readonly own: string;
  readonly file: string;
  readonly log: string;
  readonly pid: string;
  readonly port: number;
}

function configuration({ own, file, log, pid, port }: Places): string {
  return `daemon off; worker_processes 2; pid ${pid}; error_log ${join(own, 'error.log')} warn;
events { worker_connections 256; }
http {
  client_body_temp_path ${own}/body; proxy_temp_path ${own}/proxy; fastcgi_temp_path ${own}/fastcgi; uwsgi_temp_path ${own}/uwsgi; scgi_temp_path ${own}/scgi;
  access_log off;
  include ${file};
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass $teststrip_text_to_image_upstream;
      proxy_set_header teststrip-assignment $teststrip_text_to_image_assignment;
      proxy_set_header teststrip-request-id $request_id;
      access_log ${log} teststrip_text_to_image;
    }
  }
}`;
}

function post(port: number, unit: string): Promise<{ readonly body: string; readonly assignment: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'teststrip-unit': unit };
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', agent: false, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ body, assignment: String(response.headers['seen-assignment'] ?? '') }));
    });
    request.on('error', reject);
    request.end('{"prompt":"a lamp"}');
  });
}
