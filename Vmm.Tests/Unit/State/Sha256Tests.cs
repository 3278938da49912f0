using System.Security.Cryptography;
using System.Text;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.State;

[Parallelizable(ParallelScope.All)]
public sealed class Sha256Tests
{
    [Test]
    public void It_agrees_with_the_standards_example() => Assert.That(
        Convert.ToHexStringLower(Sha256.Of(Encoding.ASCII.GetBytes("abc"))),
        Is.EqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));

    [Test]
    public void It_agrees_with_the_runtimes_for_every_length_around_a_block()
    {
        byte[] message = [.. Enumerable.Range(0, 300).Select(i => (byte)(i * 7))];
        for (int length = 0; length <= message.Length; length++)
        {
            Assert.That(Sha256.Of(message.AsSpan(0, length)), Is.EqualTo(SHA256.HashData(message.AsSpan(0, length))), $"{length} bytes");
        }
    }
}
