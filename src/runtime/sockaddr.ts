/**
 * A socket address as Linux lays it out in `struct sockaddr_in` and `sockaddr_in6` (ip(7), ipv6(7)): the form in
 * which peers travel through fdns, whichever engine received them.
 *
 *   octets 0-1  family, in the host's order: 2 for IPv4, 10 for IPv6
 *   octets 2-3  port, in network order
 *   IPv4: octets 4-7 address.  IPv6: 4-7 flow, 8-23 address, 24-27 scope
 */
export const AF_INET = 2;
export const AF_INET6 = 10;
