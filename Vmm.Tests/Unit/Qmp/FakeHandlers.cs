using System.Reflection;
using Vmm.Qmp.Schema;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>Command handlers that note what is called and answer what the test says. They know every command that the schema will ever have.</summary>
internal sealed class FakeHandlers
{
    private readonly Dictionary<string, Func<object?[], object?>> _answers = [];

    /// <summary>The calls so far, as <c>Name(argument, ...)</c> without the context.</summary>
    internal List<string> Calls { get; } = [];

    internal CommandHandlers Handlers => new()
    {
        Control = Fake<IControlCommands>(),
        RunState = Fake<IRunStateCommands>(),
        Machine = Fake<IMachineCommands>(),
        Block = Fake<IBlockCommands>(),
        Char = Fake<ICharCommands>(),
        Net = Fake<INetCommands>(),
        Stats = Fake<IStatsCommands>(),
        Qdev = Fake<IQdevCommands>(),
        Qom = Fake<IQomCommands>(),
        Migration = Fake<IMigrationCommands>(),
        Misc = Fake<IMiscCommands>(),
        Introspect = Fake<IIntrospectCommands>(),
    };

    /// <summary>Says what a command answers; commands without a result succeed unasked.</summary>
    internal void On(string method, Func<object?[], object?> answer) => _answers[method] = answer;

    internal void On<T>(string method, T answer) => _answers[method] = _ => new ValueTask<T>(answer);

    internal void Fail(string method, string description) => _answers[method] = _ => throw QmpException.GenericError(description);

    private T Fake<T>()
        where T : class
    {
        var fake = DispatchProxy.Create<T, Proxy>();
        ((Proxy)(object)fake).Owner = this;
        return fake;
    }

    /// <summary>What <see cref="DispatchProxy"/> builds upon; it must be public and open.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy derives from it.")]
    public class Proxy : DispatchProxy
    {
        internal FakeHandlers Owner { get; set; } = null!;

        /// <inheritdoc/>
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            string name = targetMethod!.Name;
            Owner.Calls.Add($"{name}({string.Join(", ", args!.Skip(1).Select(argument => argument ?? "null"))})");
            if (Owner._answers.TryGetValue(name, out var answer))
            {
                return answer(args!);
            }

            return targetMethod.ReturnType == typeof(ValueTask)
                ? ValueTask.CompletedTask
                : throw new InvalidOperationException($"the test gives no answer for {name}");
        }
    }
}
