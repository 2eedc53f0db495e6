import CVector
import Foundation
import XCTest

@testable import Kernels

final class ProcessorsTests: XCTestCase {
  private func threads(_ own: String?, _ openMP: String? = nil, allowed: Int = 8, quota: Double? = nil)
    -> DefaultThreads
  {
    let variables = ["LRSWIFT_NUM_THREADS": own, "OMP_NUM_THREADS": openMP]
    return DefaultThreads({ variables[$0] ?? nil }, allowed: allowed, quota: quota)
  }

  func testTheVariablesRule() {
    for (own, openMP, count, source) in [
      ("3", nil, 3, "LRSWIFT_NUM_THREADS"), ("3", "5", 3, "LRSWIFT_NUM_THREADS"),
      (nil, "5", 5, "OMP_NUM_THREADS"),
      (nil, "4,2", 4, "OMP_NUM_THREADS"), ("", " 6\n", 6, "OMP_NUM_THREADS"),
      (" 7 ", nil, 7, "LRSWIFT_NUM_THREADS"),
      ("1024", nil, 1024, "LRSWIFT_NUM_THREADS"), ("", "", 8, "processors"), (nil, nil, 8, "processors"),
    ] {
      let found = threads(own, openMP, quota: nil)
      XCTAssertEqual(found.count, count, "\(own ?? "-") \(openMP ?? "-")")
      XCTAssertEqual(found.source, source, "\(own ?? "-") \(openMP ?? "-")")
      XCTAssertNil(found.complaint)
    }
  }

  func testNonsenseIsTold() throws {
    for nonsense in [
      "0", "-1", "two", "1.5", "1e9", "1000000000", "99999999999999999999", "4,2", "3 threads", "\u{0}",
    ] {
      let found = threads(nonsense, "2")
      XCTAssertEqual(found.count, 2, nonsense)
      let told = try XCTUnwrap(found.complaint, nonsense)
      for part in ["LRSWIFT_NUM_THREADS", "'\(nonsense)'", "1 to 1024", "2 threads"] {
        XCTAssertTrue(told.contains(part), told)
      }
    }
    for nonsense in ["0", "-1", "many", "4,", "4,0", ",", "4;2"] {
      let found = threads(nil, nonsense)
      XCTAssertEqual(found.source, "processors", nonsense)
      XCTAssertEqual(found.count, 8, nonsense)
      XCTAssertTrue(try XCTUnwrap(found.complaint).contains("OMP_NUM_THREADS: got '\(nonsense)'"))
    }
  }

  func testTheControlGroupLimits() {
    XCTAssertEqual(threads(nil, quota: 2.5).count, 3)
    XCTAssertEqual(threads(nil, allowed: 2, quota: 16).count, 2)
    XCTAssertEqual(threads(nil, quota: 0.1).count, 1)
  }

  func testAllowedProcessorsAreThoseOfTheScheduler() {
    let allowed = Int(cv_allowed_processors())
    XCTAssertGreaterThanOrEqual(allowed, 1)
    XCTAssertLessThanOrEqual(allowed, ProcessInfo.processInfo.processorCount)
  }

  private func quota(_ files: [String: String]) throws -> Double? {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: root) }
    for (name, text) in files {
      let path = root.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: path, atomically: true, encoding: .utf8)
    }
    return controlGroupQuota(root: root.path)
  }

  func testQuotasOfBothVersions() throws {
    XCTAssertEqual(try quota(["cpu.max": "150000 100000\n"]), 1.5)
    XCTAssertNil(try quota(["cpu.max": "max 100000\n"]))
    XCTAssertEqual(
      try quota(["cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"]), 4)
    XCTAssertNil(try quota(["cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"]))
    XCTAssertNil(try quota(["cpu.max": "nonsense"]))
    XCTAssertNil(try quota([:]))
  }
}
