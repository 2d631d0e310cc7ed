import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type HttpListener, json, listenHttp, text } from "../../src/runtime/net/http-listen.ts";
import { sendHttp } from "../support/http-client.ts";

let listener: HttpListener;
let reads = 0;
beforeAll(async () => {
  listener = await listenHttp({
    address: { host: "127.0.0.1", port: 0 },
    pages: {
      "/text": () => text(`${++reads}`),
      "/json": () => json({ a: 1 }),
      "/broken": () => {
        throw new Error("it broke");
      },
    },
    actions: {
      "/length": (body) => ({ length: body.length }),
      "/refuse": (body) => {
        throw new Error(`${body} is not allowed`);
      },
    },
  });
});
afterAll(() => listener.close());

const send = (method: string, path: string, head = "", body = "") =>
  sendHttp(listener.address.port, `${method} ${path} HTTP/1.1\r\nHost: a\r\n${head}\r\n${body}`);

describe("a page", () => {
  test("is read with GET, worked out each time, and its query string does not matter", async () => {
    const first = await send("GET", "/text");
    const second = await send("GET", "/text?a=/json");
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(Number(second.body)).toBe(Number(first.body) + 1);
    expect(second.head).toContain("connection: close");
    expect(second.head).toContain("cache-control: no-store");
    expect(second.head).not.toContain("access-control");
  });

  test("of JSON", async () => expect((await send("GET", "/json")).body).toBe('{"a":1}\n'));

  test("read with HEAD has its length and no octet of it", async () => {
    const { status, head, body } = await send("HEAD", "/json");
    expect([status, body]).toEqual([200, ""]);
    expect(head).toContain("content-length: 8");
  });

  test("that cannot be made is status 500, and the next one is made", async () => {
    expect(await send("GET", "/broken")).toMatchObject({ status: 500, body: '{"error":"it broke"}\n' });
    expect((await send("GET", "/json")).status).toBe(200);
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"])("does not take %s", async (method) => {
    const { status, head } = await send(method, "/json");
    expect(status).toBe(405);
    expect(head).toContain("allow: get, head");
  });

  test.each(["/", "/texts", "/text/", "/__proto__", "/constructor", "//text"])("%s is not there", async (path) => {
    expect((await send("GET", path)).status).toBe(404);
  });
});

describe("an action", () => {
  test("gets the body", async () => {
    expect(await send("POST", "/length", "content-length: 3\r\n", "abc")).toMatchObject({ body: '{"length":3}\n' });
  });

  test("that refuses is status 400", async () => {
    const refused = await send("POST", "/refuse", "content-length: 1\r\n", "x");
    expect(refused).toMatchObject({ status: 400, body: '{"error":"x is not allowed"}\n' });
  });

  test("is posted to only", async () => {
    const { status, head } = await send("GET", "/length");
    expect(status).toBe(405);
    expect(head).toContain("allow: post");
  });

  test("with more than its body may have ends", async () => {
    const body = "x".repeat(70_000);
    expect((await send("POST", "/length", `content-length: ${body.length}\r\n`, body)).status).toBe(0);
  });
});

test("an address that is taken is an error that says what to do", async () => {
  const second = listenHttp({ address: listener.address, pages: {} });
  await expect(second).rejects.toThrow(
    `cannot listen on 127.0.0.1:${listener.address.port} over HTTP: the address is in use`,
  );
});

test("close() ends connections that say nothing", async () => {
  const other = await listenHttp({ address: { host: "127.0.0.1", port: 0 }, pages: {} });
  const silent = sendHttp(other.address.port, "GET");
  await Bun.sleep(20);
  await other.close();
  expect((await silent).status).toBe(0);
});
