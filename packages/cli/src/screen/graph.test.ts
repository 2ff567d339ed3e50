import { expect, it } from 'vitest';
import { drawGraph } from './graph.ts';

it('a graph has each stage once, below what it waits for longest, and names what else it needs', () => {
  const stage = (name: string, needs: string[], mark = '·', when: string | null = null) => ({
    name,
    needs,
    mark,
    when,
  });
  const drawn = drawGraph([
    stage('collect', [], '✓'),
    stage('rules', [], '✓'),
    stage('analyse', ['collect', 'rules'], '▶'),
    stage('count', ['collect'], '✗'),
    stage('report', ['analyse', 'count']),
    stage('clean', ['count', 'rules'], '·', 'always'),
  ]);
  expect(drawn.split('\n')).toEqual([
    '✓ collect',
    '├─ ▶ analyse  ◂ rules',
    '│  └─ · report  ◂ count',
    '└─ ✗ count',
    '   └─ · clean (always)  ◂ rules',
    '✓ rules',
  ]);
});
