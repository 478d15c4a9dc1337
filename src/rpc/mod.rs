//! The gRPC services. Each method reads the same: parse, gather, decide, encode. No rule about who
//! may do what stands here.
